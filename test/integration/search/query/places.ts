import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { readPolygons } from '../../../../src/lib/search/query/geojson.js';
import { scaled } from '../../../scale.js';
import { geojson, isIn, rimDistance, shape, writing } from '../../../unit/search/query/polygons.js';
import { counts, type QueryWorld, seed } from './query-world.js';
import { meters, type Sensor } from './world.js';

/** Places are stored in steps of about a centimetre. */
const rimDegrees = 1e-6;
const rimMeters = 0.2;

/** What is found by its place, against brute force. */
export function placeCases(world: QueryWorld): void {
  const { ask, all, expectIds } = world;
  describe('places', () => {
    const place = fc.constantFrom(0, 1, 2).chain(() =>
      fc.record({
        lat: fc.double({ min: -89, max: 89, noNaN: true }),
        lon: fc.double({ min: -180, max: 180, noNaN: true }),
      }),
    );
    const near = fc.oneof(
      place,
      fc.nat(counts.real - 1).map((i) => ({ lat: world.sensors[i]!.lat, lon: world.sensors[i]!.lon })),
    );

    test('within a distance are those that are as near', async () => {
      await fc.assert(
        fc.asyncProperty(near, fc.constantFrom(300, 5000, 2e6, 1.2e7), async (center, distance) => {
          const found = await all({ near: center, withinMeters: distance });
          const away = (sensor: Sensor) => meters(center, sensor) - distance;
          // Rounding grows with the distance.
          expectIds(
            found,
            (one) => away(one) <= 0,
            (one) => Math.abs(away(one)) < rimMeters + distance * 1e-7,
          );
        }),
        { seed, numRuns: scaled(4) },
      );
    });

    test('in a box are those between its sides, also over the date line', async () => {
      await fc.assert(
        fc.asyncProperty(place, place, async (one, other) => {
          const [south, north] = [one.lat, other.lat].sort((a, b) => a - b) as [number, number];
          const [west, east] = [one.lon, other.lon];
          const found = await all({ box: { west, south, east, north } });
          const isBetween = ({ lon }: Sensor) =>
            west <= east ? west <= lon && lon <= east : lon >= west || lon <= east;
          expectIds(
            found,
            (sensor) => south <= sensor.lat && sensor.lat <= north && isBetween(sensor),
            ({ lat, lon }) =>
              [south, north].some((side) => Math.abs(lat - side) < rimDegrees) ||
              [west, east].some((side) => Math.abs(lon - side) < rimDegrees),
          );
        }),
        { seed, numRuns: scaled(4) },
      );
    });

    test('a place on the rim of a box is in it', async () => {
      const { lat, lon, id } = world.sensors[0]!;
      for (const box of [
        { west: lon, south: lat, east: lon + 1, north: lat + 1 },
        { west: lon - 1, south: lat - 1, east: lon, north: lat },
      ])
        expect(await all({ box })).toContain(id);
    });

    test('in a polygon are those inside, also over the date line, with a hole, and however it is written', async () => {
      await fc.assert(
        fc.asyncProperty(shape, writing, async (drawn, way) => {
          const found = await all({ polygons: readPolygons(geojson(drawn, way), 'area.json') });
          expectIds(
            found,
            ({ lat, lon }) => isIn(drawn, lon, lat),
            ({ lat, lon }) => rimDistance(drawn, lon, lat) < rimDegrees,
          );
        }),
        { seed, numRuns: scaled(4) },
      );
    });

    test('near a place the nearest come first, each with its distance', async () => {
      const center = { lat: 53.6, lon: 11.4 };
      const { hits } = await ask({ near: center });
      const nearest = world.sensors.map((sensor) => meters(center, sensor)).sort((a, b) => a - b);
      hits.forEach(({ distance }, i) => expect(distance).toBeCloseTo(nearest[i]!, 0));
    });
  });
}

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { UserError } from '../../../../src/lib/core/errors.js';
import { readPolygons } from '../../../../src/lib/search/query/geojson.js';
import { replayable } from '../../../random.js';
import { scaled } from '../../../scale.js';
import { geojson, isIn, isInParts, rimDistance, shape, writing } from './polygons.js';

const { seed } = replayable('polygons');

const place = fc.record({
  lon: fc.oneof(fc.double({ min: -180, max: 180, noNaN: true }), fc.constantFrom(-179.9, 179.9)),
  lat: fc.double({ min: -60, max: 60, noNaN: true }),
});

test('cut at the date line, a polygon has the places that it had', () => {
  fc.assert(
    fc.property(shape, writing, fc.array(place, { minLength: 20, maxLength: 60 }), (drawn, way, places) => {
      const parts = readPolygons(geojson(drawn, way), 'area.json');
      for (const { lon, lat } of places)
        // A centimetre: servers keep places no better.
        if (rimDistance(drawn, lon, lat) > 1e-7)
          expect(isInParts(parts, lon, lat)).toBe(isIn(drawn, lon, lat));
    }),
    { seed, numRuns: scaled(200) },
  );
});

test('its parts are what every server takes: closed, counterclockwise, within ±180, and not too wide', () => {
  fc.assert(
    fc.property(shape, writing, (drawn, way) => {
      for (const [outer, ...holes] of readPolygons(geojson(drawn, way), 'area.json')) {
        for (const ring of [outer!, ...holes]) {
          expect(ring.at(-1)).toEqual(ring[0]);
          expect(ring.length).toBeGreaterThan(3);
          ring.slice(1).forEach((corner, i) => expect(corner).not.toEqual(ring[i]));
        }
        const lons = outer!.map(({ lon }) => lon);
        const [west, east] = [Math.min(...lons), Math.max(...lons)];
        expect(west).toBeGreaterThanOrEqual(-180);
        expect(east).toBeLessThanOrEqual(180);
        expect(east - west).toBeLessThanOrEqual(180);
        expect(signedArea(outer!)).toBeGreaterThan(0);
        for (const hole of holes) expect(signedArea(hole)).toBeLessThan(0);
      }
    }),
    { seed, numRuns: scaled(150) },
  );
});

function signedArea(ring: readonly { readonly lon: number; readonly lat: number }[]): number {
  return ring.slice(1).reduce((sum, b, i) => sum + ring[i]!.lon * b.lat - b.lon * ring[i]!.lat, 0);
}

const square = (west: number, south: number, east: number, north: number) => [
  [
    [west, south],
    [east, south],
    [east, north],
    [west, north],
    [west, south],
  ],
];

test('all polygons of Features and of a MultiPolygon count', () => {
  const multi = { type: 'MultiPolygon', coordinates: [square(0, 0, 1, 1), square(10, 0, 11, 1)] };
  const one = { type: 'Polygon', coordinates: square(20, 0, 21, 1) };
  const features = [multi, one].map((geometry) => ({ type: 'Feature', geometry }));
  const text = JSON.stringify({ type: 'FeatureCollection', features });
  expect(readPolygons(text, 'a').map(([ring]) => ring![0]!.lon)).toEqual([0, 10, 20]);
});

test('the whole world, and a continent around the pole that is closed along it', () => {
  const world = readPolygons(
    JSON.stringify({ type: 'Polygon', coordinates: square(-180, -90, 180, 90) }),
    'a',
  );
  const south = [
    [-180, -90],
    [180, -90],
    [180, -70],
    [0, -60],
    [-180, -70],
    [-180, -90],
  ];
  const pole = readPolygons(JSON.stringify({ type: 'Polygon', coordinates: [south] }), 'a');
  for (const lon of [-179, -91, -1, 1, 91, 179]) {
    expect([world, pole].map((parts) => isInParts(parts, lon, 0.5))).toEqual([true, false]);
    expect([world, pole].map((parts) => isInParts(parts, lon, -80))).toEqual([true, true]);
  }
});

test.each([
  ['{', 'it is not JSON'],
  ['{"type":"Point","coordinates":[1,2]}', 'it is not GeoJSON of polygons'],
  ['{"type":"FeatureCollection","features":[]}', 'it has no polygon'],
  [
    '{"type":"Polygon","coordinates":[[[0,0],[1,1],[0,0]]]}',
    'polygon 1 of 1 has a ring of fewer than three corners',
  ],
  [
    '{"type":"Polygon","coordinates":[[[0,0],[1,95],[1,0]]]}',
    'polygon 1 of 1 has a corner at longitude 1, latitude 95',
  ],
  [
    '{"type":"Polygon","coordinates":[[[0,-60],[170,-60],[-20,-60]]]}',
    'polygon 1 of 1 goes around a pole: let it run along longitude ±180 to the pole and back',
  ],
])('%s is refused', (text, problem) => {
  expect(() => readPolygons(text, 'area.json')).toThrow(
    expect.toSatisfy((error) => error instanceof UserError && error.message === `area.json: ${problem}`),
  );
});

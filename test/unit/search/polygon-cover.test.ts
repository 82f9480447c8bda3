import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import type { Place, Polygon } from '../../../src/lib/search/query/question.js';
import { coverOf, isInside } from '../../../src/lib/search/solr/polygon-cover.js';
import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';

interface Star {
  readonly polygon: Polygon;
  /** By angle and distance from the middle: an oracle that knows no edges. */
  contains(place: Place): boolean;
}

/** Corners at even angles around the middle; the line to each place crosses one edge at most. */
function star(middle: Place, radii: readonly number[]): Star {
  const step = (2 * Math.PI) / radii.length;
  const corner = (i: number): Place => ({
    lat: middle.lat + radii[i % radii.length]! * Math.sin(i * step),
    lon: middle.lon + radii[i % radii.length]! * Math.cos(i * step),
  });
  const ring = radii.map((_, i) => corner(i));
  return {
    polygon: [[...ring, ring[0]!]],
    contains({ lat, lon }) {
      const angle = Math.atan2(lat - middle.lat, lon - middle.lon);
      const i = Math.floor((((angle % (2 * Math.PI)) + 2 * Math.PI) % (2 * Math.PI)) / step);
      const [a, b] = [corner(i), corner(i + 1)];
      // Barycentric coordinates in the triangle of the middle and both corners.
      const [ax, ay] = [a.lon - middle.lon, a.lat - middle.lat];
      const [bx, by] = [b.lon - middle.lon, b.lat - middle.lat];
      const [x, y] = [lon - middle.lon, lat - middle.lat];
      const area = ax * by - ay * bx;
      return (x * by - y * bx) / area + (ax * y - ay * x) / area <= 1;
    },
  };
}

test('boxes inside have nothing that is outside, and with those of the rim everything that is inside', () => {
  const { seed } = replayable('polygons');
  const radius = fc.double({ min: 0.5, max: 30, noNaN: true });
  const shape = fc.tuple(
    fc.record({
      lat: fc.double({ min: -50, max: 50, noNaN: true }),
      lon: fc.double({ min: -140, max: 140, noNaN: true }),
    }),
    fc.array(radius, { minLength: 5, maxLength: 12 }),
  );
  const offset = fc.tuple(
    fc.double({ min: -32, max: 32, noNaN: true }),
    fc.double({ min: -32, max: 32, noNaN: true }),
  );
  fc.assert(
    fc.property(shape, fc.array(offset, { minLength: 50, maxLength: 50 }), ([middle, radii], offsets) => {
      const { polygon, contains } = star(middle, radii);
      const { inside, rim } = coverOf([polygon]);
      expect(inside.length + rim.length).toBeLessThanOrEqual(1024);
      for (const [dLat, dLon] of offsets) {
        const place = { lat: middle.lat + dLat, lon: middle.lon + dLon };
        const isIn = (box: (typeof inside)[number]) =>
          place.lat >= box.south && place.lat <= box.north && place.lon >= box.west && place.lon <= box.east;
        const truth = contains(place);
        expect(isInside(place, [polygon])).toBe(truth);
        if (inside.some(isIn)) expect(truth).toBe(true);
        if (truth) expect(inside.some(isIn) || rim.some(isIn)).toBe(true);
      }
    }),
    { seed, numRuns: scaled(30) },
  );
});

test('corners and edges are inside; holes are not', () => {
  const square = (from: number, to: number) =>
    [
      [from, from],
      [from, to],
      [to, to],
      [to, from],
      [from, from],
    ].map(([lat, lon]) => ({ lat: lat!, lon: lon! }));
  const polygons = [[square(0, 10), square(4, 6)]];
  for (const [lat, lon, is] of [
    [0, 0, true],
    [10, 5, true],
    [5, 0, true],
    [2, 2, true],
    [5, 5, false],
    [4, 5, true],
    [11, 5, false],
  ] as const)
    expect(isInside({ lat, lon }, polygons), `${lat},${lon}`).toBe(is);
  expect(coverOf([])).toEqual({ inside: [], rim: [] });
});

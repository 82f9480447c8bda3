import fc from 'fast-check';

import type { Polygon } from '../../../../src/lib/search/query/question.js';

/** Corners on a plane whose x goes beyond ±180. */
export type Corners = readonly (readonly [x: number, y: number])[];

/** A polygon and a hole, neither of which crosses itself. */
export interface Shape {
  readonly outer: Corners;
  readonly hole?: Corners | undefined;
}

const finite = (min: number, max: number) => fc.double({ min, max, noNaN: true });

/** Round a centre near the date line, with corners at any distance. */
const star: fc.Arbitrary<Shape> = fc
  .record({
    x: finite(-200, 200),
    y: finite(-20, 20),
    radii: fc.array(finite(3, 60), { minLength: 3, maxLength: 24 }),
    isWide: fc.boolean(),
    hasHole: fc.boolean(),
  })
  .map(({ x, y, radii, isWide, hasHole }) => {
    const corners = (scale: number): Corners =>
      radii.map((radius, i) => {
        const angle = (2 * Math.PI * i) / radii.length;
        return [
          x + scale * radius * Math.cos(angle) * (isWide ? 2 : 1),
          y + scale * radius * Math.sin(angle),
        ];
      });
    return { outer: corners(1), hole: hasHole ? corners(0.5) : undefined };
  });

/** A comb whose teeth lie over the date line: cut there, it falls to pieces. */
const comb: fc.Arbitrary<Shape> = fc
  .record({
    back: finite(140, 175),
    tips: fc.array(finite(176, 220), { minLength: 2, maxLength: 6 }),
    isMirrored: fc.boolean(),
  })
  .map(({ back, tips, isMirrored }) => {
    const teeth = tips.flatMap((tip, i): [number, number][] => [
      [tip, 4 * i],
      [tip, 4 * i + 2],
      [back + 1, 4 * i + 2],
      [back + 1, 4 * i + 4],
    ]);
    const outer: [number, number][] = [[back, 0], ...teeth, [back, 4 * tips.length]];
    return { outer: isMirrored ? outer.map(([x, y]) => [360 - x, y] as const) : outer };
  });

export const shape: fc.Arbitrary<Shape> = fc.oneof(star, comb);

/** GeoJSON in any of the ways that people write it: beyond ±180 or wrapped, however its rings run, closed or not. */
export function geojson(
  { outer, hole }: Shape,
  { isWrapped, isReversed, isClosed }: { isWrapped: boolean; isReversed: boolean; isClosed: boolean },
): string {
  const coordinates = [outer, hole]
    .filter((ring) => ring !== undefined)
    .map((ring) => {
      const corners = ring.map(([x, y]) => [isWrapped ? wrapped(x) : x, y]);
      if (isReversed) corners.reverse();
      return isClosed ? [...corners, corners[0]] : corners;
    });
  return JSON.stringify({ type: 'Feature', properties: null, geometry: { type: 'Polygon', coordinates } });
}

export const writing = fc.record({
  isWrapped: fc.boolean(),
  isReversed: fc.boolean(),
  isClosed: fc.boolean(),
});

/** The place, seen from wherever the shape's plane is. */
export function isIn({ outer, hole }: Shape, lon: number, lat: number): boolean {
  return [-360, 0, 360].some(
    (turn) => isWithin(outer, lon + turn, lat) && !(hole !== undefined && isWithin(hole, lon + turn, lat)),
  );
}

export function isInParts(parts: readonly Polygon[], lon: number, lat: number): boolean {
  return parts.some(([around, ...holes]) => {
    const [outer, ...inner] = [around!, ...holes].map((ring) =>
      ring.map((place) => [place.lon, place.lat] as const),
    );
    return isWithin(outer!, lon, lat) && !inner.some((ring) => isWithin(ring, lon, lat));
  });
}

/** How far from a rim, in degrees. */
export function rimDistance({ outer, hole }: Shape, lon: number, lat: number): number {
  const rings = hole === undefined ? [outer] : [outer, hole];
  return Math.min(
    ...[-360, 0, 360].flatMap((turn) =>
      rings.flatMap((ring) =>
        ring.map((corner, i) => segmentDistance(corner, ring[(i + 1) % ring.length]!, lon + turn, lat)),
      ),
    ),
  );
}

function segmentDistance(
  [ax, ay]: readonly [number, number],
  [bx, by]: readonly [number, number],
  x: number,
  y: number,
): number {
  const length = (bx - ax) ** 2 + (by - ay) ** 2;
  const t =
    length === 0 ? 0 : Math.max(0, Math.min(1, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length));
  return Math.hypot(ax + t * (bx - ax) - x, ay + t * (by - ay) - y);
}

function wrapped(x: number): number {
  return ((((x + 180) % 360) + 360) % 360) - 180;
}

/** By the winding number. */
function isWithin(ring: Corners, x: number, y: number): boolean {
  let turns = 0;
  ring.forEach(([ax, ay], i) => {
    const [bx, by] = ring[(i + 1) % ring.length]!;
    const side = (bx - ax) * (y - ay) - (x - ax) * (by - ay);
    if (ay <= y && by > y && side > 0) turns++;
    if (ay > y && by <= y && side < 0) turns--;
  });
  return turns !== 0;
}

/** Longitude and latitude in degrees, on a plane: `x` may go beyond ±180. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Not closed: the last corner is joined with the first. */
export type Ring = readonly Point[];

/** The outer ring, then holes. */
export type Rings = readonly Ring[];

/** Without corners that are the same as the one before, such as the last one. */
export function openRing(points: readonly Point[]): Ring {
  return points.filter((point, i) => !same(point, points[(i + 1) % points.length]!));
}

/**
 * The rings on one plane, where no edge jumps over the date line: outer rings counterclockwise, holes clockwise, next to each other.
 * @throws what `problem` makes
 */
export function unwrapRings([outer, ...holes]: Rings, problem: (what: string) => Error): Rings {
  const around = wound(unwrap(outer!, problem), 'counterclockwise');
  const [west, east] = extent(around);
  return [
    around,
    ...holes.map((hole) => {
      const ring = wound(unwrap(hole, problem), 'clockwise');
      const [left, right] = extent(ring);
      const turns = Math.round((west + east - left - right) / 720);
      return ring.map(({ x, y }) => ({ x: x + 360 * turns, y }));
    }),
  ];
}

/** West and east. */
export function extent(ring: Ring): [west: number, east: number] {
  return ring.reduce(([west, east], { x }) => [Math.min(west, x), Math.max(east, x)], [Infinity, -Infinity]);
}

/** By the even-odd rule. */
export function isInside({ x, y }: Point, ring: Ring): boolean {
  let inside = false;
  ring.forEach((a, i) => {
    const b = ring[(i + 1) % ring.length]!;
    if (a.y > y !== b.y > y && x < a.x + ((y - a.y) / (b.y - a.y)) * (b.x - a.x)) inside = !inside;
  });
  return inside;
}

/**
 * Each edge the short way round. A ring with edges of 360° only, such as that of the whole world, means them.
 */
function unwrap(ring: Ring, problem: (what: string) => Error): Ring {
  const steps = ring.map(({ x }, i) => ring[(i + 1) % ring.length]!.x - x);
  const isOverDateLine = steps.some((step) => Math.abs(step) > 180 && Math.abs(step) !== 360);
  if (!isOverDateLine) return ring;
  const short = steps.map((step) => step - 360 * Math.round(step / 360));
  if (Math.abs(short.reduce((sum, step) => sum + step, 0)) > 1)
    throw problem('goes around a pole: let it run along longitude ±180 to the pole and back');
  let x = ring[0]!.x;
  return openRing(
    ring.map(({ y }, i) => {
      const point = { x, y };
      x += short[i]!;
      return point;
    }),
  );
}

function wound(ring: Ring, way: 'clockwise' | 'counterclockwise'): Ring {
  const isCounterclockwise = area(ring) > 0;
  return isCounterclockwise === (way === 'counterclockwise') ? ring : [...ring].reverse();
}

/** Positive where the ring runs counterclockwise. */
export function area(ring: Ring): number {
  return ring.reduce((sum, a, i) => {
    const b = ring[(i + 1) % ring.length]!;
    return sum + (a.x * b.y - b.x * a.y) / 2;
  }, 0);
}

function same(a: Point, b: Point): boolean {
  return a.x === b.x && a.y === b.y;
}

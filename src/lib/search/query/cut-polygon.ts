import type { Polygon } from './question.js';
import { area, extent, isInside, openRing, type Point, type Ring, type Rings } from './rings.js';

/** Servers take a wider polygon for the rest of the world. */
const widest = 180;

/**
 * The polygon in parts that lie between longitudes -180 and 180, and are not wider than half of the world.
 * @param rings as `unwrapRings` makes them
 * @throws what `problem` makes, of rings that cross
 */
export function cutPolygon(rings: Rings, problem: (what: string) => Error): readonly Polygon[] {
  const [west, east] = extent(rings[0]!);
  const every = east - west > widest ? 90 : 360;
  const first = every === 360 ? 360 * Math.floor((west - 180) / 360) + 180 : 90 * Math.floor(west / 90);
  let parts: Rings[] = [rings];
  for (let line = first; line < east; line += every)
    if (line > west) parts = parts.flatMap((part) => halves(part, line, problem));
  return parts.map((part) => {
    const [left, right] = extent(part[0]!);
    const turns = Math.round((left + right) / 720);
    return part.map((ring) =>
      [...ring, ring[0]!].map(({ x, y }) => ({ lat: y, lon: within180(x - 360 * turns) })),
    );
  });
}

/** Shifting rounds. */
function within180(lon: number): number {
  return Math.max(-180, Math.min(180, lon));
}

function halves(rings: Rings, line: number, problem: (what: string) => Error): Rings[] {
  return [
    ...half(rings, line, ({ x }) => x < line, problem),
    ...half(rings, line, ({ x }) => x >= line, problem),
  ];
}

/** A run of corners on one side, from where it comes over the line to where it leaves. */
interface Chain {
  readonly points: Point[];
  readonly from: Crossing;
  to: Crossing;
}

interface Crossing {
  readonly y: number;
  readonly enters: boolean;
}

/**
 * What of the polygon is on one side: along the line, the first crossing and the second bound a piece of its inside, as do the third
 * and the fourth, and so on. Where a run of corners leaves, it continues at the other end of that piece.
 */
function half(
  rings: Rings,
  line: number,
  isOn: (point: Point) => boolean,
  problem: (what: string) => Error,
): Rings[] {
  const whole = rings.map((ring) => ring.every(isOn));
  const chains = rings.flatMap((ring, i) => (whole[i] ? [] : chainsOf(ring, line, isOn)));
  const outers = joined(chains, line, problem);
  if (whole[0]) outers.push(rings[0]!);
  const holes = rings.filter((_, i) => i > 0 && whole[i]);
  return outers.map((outer) => [
    outer,
    ...holes.filter((hole) => outers.length === 1 || isInside(middle(hole[0]!, hole[1]!), outer)),
  ]);
}

function chainsOf(ring: Ring, line: number, isOn: (point: Point) => boolean): Chain[] {
  const start = ring.findIndex((point, i) => isOn(point) && !isOn(ring.at(i - 1)!));
  if (start === -1) return [];
  const chains: Chain[] = [];
  for (let i = 0; i < ring.length; i++) {
    const at = (start + i) % ring.length;
    const [before, point, next] = [ring.at(at - 1)!, ring[at]!, ring[(at + 1) % ring.length]!];
    if (!isOn(point)) continue;
    if (!isOn(before)) {
      const from = { y: crossing(before, point, line), enters: true };
      chains.push({ points: [], from, to: from });
    }
    const chain = chains.at(-1)!;
    chain.points.push(point);
    if (!isOn(next)) chain.to = { y: crossing(point, next, line), enters: false };
  }
  return chains;
}

function joined(chains: readonly Chain[], line: number, problem: (what: string) => Error): Ring[] {
  const partners = partnersOf(chains.flatMap(({ from, to }) => [from, to]));
  const byStart = new Map(chains.map((chain) => [chain.from, chain]));
  const rings: Ring[] = [];
  while (byStart.size > 0) {
    const [first] = byStart.keys();
    const ring: Point[] = [];
    for (let from = first!; ;) {
      const chain = byStart.get(from);
      // Rings that cross, or corners in no order.
      if (chain === undefined) throw problem('has rings that cross');
      byStart.delete(from);
      ring.push({ x: line, y: chain.from.y }, ...chain.points, { x: line, y: chain.to.y });
      from = partners.get(chain.to)!;
      if (from === first) break;
    }
    const open = openRing(ring);
    // What only touches the line has nothing on this side.
    if (area(open) !== 0) rings.push(open);
  }
  return rings;
}

function partnersOf(crossings: readonly Crossing[]): Map<Crossing, Crossing> {
  const sorted = [...crossings].sort((a, b) => a.y - b.y);
  const partners = new Map<Crossing, Crossing>();
  for (let i = 0; i + 1 < sorted.length; i += 2) {
    // Of several at one place, that which goes the other way.
    for (
      let j = i + 1;
      sorted[i + 1]!.enters === sorted[i]!.enters && sorted[j + 1]?.y === sorted[i + 1]!.y;
      j++
    )
      [sorted[i + 1], sorted[j + 1]] = [sorted[j + 1]!, sorted[i + 1]!];
    partners.set(sorted[i]!, sorted[i + 1]!);
    partners.set(sorted[i + 1]!, sorted[i]!);
  }
  return partners;
}

function crossing(a: Point, b: Point, line: number): number {
  return a.x === line ? a.y : b.x === line ? b.y : a.y + ((line - a.x) / (b.x - a.x)) * (b.y - a.y);
}

function middle(a: Point, b: Point): Point {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}

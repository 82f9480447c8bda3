import type { Presence } from '../presence.js';
import { writeVarint } from './hybrid.js';

/**
 * Definition levels of a column that may be null, of the rows from `from` on, before `to`: 1 for a value. As bits, one
 * packed run, behind their length.
 * @returns the place in `out` behind them
 */
export function writeDefinitionLevels(
  presence: Presence,
  from: number,
  to: number,
  out: Buffer,
  at: number,
): number {
  const count = to - from;
  const nulls = presence.nullsBetween(from, to);
  let place = at + 4;
  if (nulls.length === 0 || nulls.length === count) {
    place = writeVarint(out, place, count * 2);
    out[place++] = nulls.length === 0 ? 1 : 0;
  } else {
    const bytes = Math.ceil(count / 8);
    place = writeVarint(out, place, bytes * 2 + 1);
    out.fill(0xff, place, place + bytes);
    for (const row of nulls) out[place + ((row - from) >> 3)]! &= ~(1 << ((row - from) & 7));
    place += bytes;
  }
  out.writeUInt32LE(place - at - 4, at);
  return place;
}

/** Most bytes of the levels of so many rows. */
export function mostLevelBytes(rows: number): number {
  return 4 + 5 + Math.ceil(rows / 8);
}

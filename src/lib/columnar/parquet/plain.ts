import { BytesColumn } from '../bytes-column.js';
import type { FixedColumn } from '../fixed-column.js';

export type LeafColumn = FixedColumn | BytesColumn;

/** Bytes that `writePlain` makes of the values from `from` on, before `to`. */
export function plainBytes(column: LeafColumn, from: number, to: number): number {
  if (!(column instanceof BytesColumn)) return column.width * (to - from);
  const { codes, offsets, isPlain } = column;
  let bytes = 4 * (to - from);
  if (isPlain) return bytes + offsets[to]! - offsets[from]!;
  for (let i = from; i < to; i++) bytes += offsets[codes[i]! + 1]! - offsets[codes[i]!]!;
  return bytes;
}

/**
 * Values as they are (PLAIN).
 * @param isBoolean whether each is a bit; values of other types may have one byte as well
 * @returns the place in `page` behind them
 */
export function writePlain(
  column: LeafColumn,
  isBoolean: boolean,
  from: number,
  to: number,
  page: Buffer,
  at: number,
): number {
  if (!(column instanceof BytesColumn))
    return isBoolean ? writeBits(column, from, to, page, at) : writeFixed(column, from, to, page, at);
  const { codes, isPlain } = column;
  let place = at;
  if (isPlain) for (let i = from; i < to; i++) place = writeEntry(column, i, page, place);
  else for (let i = from; i < to; i++) place = writeEntry(column, codes[i]!, page, place);
  return place;
}

/** All entries, each behind its length. */
export function plainEntries(column: BytesColumn): Buffer {
  const { entries } = column;
  const out = Buffer.allocUnsafe((entries === 0 ? 0 : column.length) + 4 * entries);
  let at = 0;
  for (let entry = 0; entry < entries; entry++) at = writeEntry(column, entry, out, at);
  return out;
}

function writeEntry({ data, offsets }: BytesColumn, entry: number, out: Buffer, at: number): number {
  const start = offsets[entry]!;
  const end = offsets[entry + 1]!;
  const length = end - start;
  out[at] = length;
  out[at + 1] = length >>> 8;
  out[at + 2] = length >>> 16;
  out[at + 3] = length >>> 24;
  const place = at + 4;
  if (length < 32) for (let k = 0; k < length; k++) out[place + k] = data[start + k]!;
  else data.copy(out, place, start, end);
  return place + length;
}

function writeFixed(
  { bytes, width }: FixedColumn,
  from: number,
  to: number,
  page: Buffer,
  at: number,
): number {
  page.set(bytes.subarray(from * width, to * width), at);
  return at + (to - from) * width;
}

/** Booleans, a bit each. */
function writeBits({ bytes }: FixedColumn, from: number, to: number, page: Buffer, at: number): number {
  const end = at + Math.ceil((to - from) / 8);
  page.fill(0, at, end);
  for (let i = from; i < to; i++) if (bytes[i] !== 0) page[at + ((i - from) >> 3)]! |= 1 << ((i - from) & 7);
  return end;
}

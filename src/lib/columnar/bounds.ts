import type { BytesColumn } from './bytes-column.js';
import type { FixedColumn } from './fixed-column.js';
import type { ScalarType } from './type.js';

/** Least and greatest value, as bytes of PLAIN; without them where nothing can be said. */
export interface Bounds {
  readonly min: Uint8Array;
  readonly max: Uint8Array;
  /** Whether they are values, and not only at or beyond all values. */
  readonly isExact: boolean;
}

/** Bounds of text are cut there. */
const longestBound = 64;

/** Bounds of the values from `from` on, before `to`. */
export function fixedBounds(
  type: ScalarType,
  column: FixedColumn,
  from: number,
  to: number,
): Bounds | undefined {
  if (from === to) return undefined;
  switch (type.storage) {
    case 'boolean':
      return booleanBounds(column, from, to);
    case 'float32':
      return floatBounds(column.float32, from, to, 4);
    case 'float64':
      return floatBounds(column.float64, from, to, 8);
    case 'int32':
      return wordBounds(column, from, to);
    case 'int64':
      return doubleWordBounds(column, from, to);
    default:
      // INT96 has no order that readers agree on.
      return type.meaning.kind === 'timestamp96' ? undefined : widthBounds(type, column, from, to);
  }
}

function widthBounds(type: ScalarType, { bytes, width }: FixedColumn, from: number, to: number): Bounds {
  const value = (i: number) => bytes.subarray(i * width, (i + 1) * width);
  let [least, greatest] = [from, from];
  for (let i = from + 1; i < to; i++) {
    if (compareValues(type, value(i), value(least)) < 0) least = i;
    else if (compareValues(type, value(i), value(greatest)) > 0) greatest = i;
  }
  return exact(bytes, least, greatest, width);
}

function booleanBounds({ bytes }: FixedColumn, from: number, to: number): Bounds {
  const part = bytes.subarray(from, to);
  const [min, max] = [part.includes(0) ? 0 : 1, part.includes(1) ? 1 : 0];
  return { min: Uint8Array.of(min), max: Uint8Array.of(max), isExact: true };
}

function wordBounds({ int32, bytes }: FixedColumn, from: number, to: number): Bounds {
  let [least, greatest] = [from, from];
  for (let i = from + 1; i < to; i++) {
    if (int32[i]! < int32[least]!) least = i;
    else if (int32[i]! > int32[greatest]!) greatest = i;
  }
  return exact(bytes, least, greatest, 4);
}

function doubleWordBounds({ int32, bytes }: FixedColumn, from: number, to: number): Bounds {
  let [least, greatest] = [from, from];
  for (let i = from + 1; i < to; i++) {
    if (isLess(int32, i, least)) least = i;
    else if (isLess(int32, greatest, i)) greatest = i;
  }
  return exact(bytes, least, greatest, 8);
}

function isLess(int32: Int32Array, a: number, b: number): boolean {
  const highA = int32[2 * a + 1]!;
  const highB = int32[2 * b + 1]!;
  return highA !== highB ? highA < highB : int32[2 * a]! >>> 0 < int32[2 * b]! >>> 0;
}

/**
 * None where there is a NaN: no bound may be one, and for some readers it is greater than all numbers, for others nothing is. −0 and
 * +0 are equal, so that either may be met.
 */
function floatBounds(
  values: Float32Array | Float64Array,
  from: number,
  to: number,
  width: 4 | 8,
): Bounds | undefined {
  let min = values[from]!;
  let max = min;
  for (let i = from; i < to; i++) {
    const value = values[i]!;
    if (value < min) min = value;
    else if (value > max) max = value;
    else if (value !== value) return undefined;
  }
  const bytesOf = (value: number) => {
    const bytes = Buffer.alloc(width);
    if (width === 4) bytes.writeFloatLE(value);
    else bytes.writeDoubleLE(value);
    return bytes;
  };
  return { min: bytesOf(min === 0 ? -0 : min), max: bytesOf(max === 0 ? 0 : max), isExact: true };
}

function exact(bytes: Uint8Array, least: number, greatest: number, width: number): Bounds {
  const value = (i: number) => bytes.slice(i * width, (i + 1) * width);
  return { min: value(least), max: value(greatest), isExact: true };
}

/** Bounds of the values of a column from `from` on, before `to`. */
export function bytesBounds(
  { data, offsets, codes, isPlain, entries }: BytesColumn,
  isText: boolean,
  from: number,
  to: number,
): Bounds | undefined {
  if (from === to) return undefined;
  // Each entry is compared once, however many values it stands for.
  const seen = isPlain ? undefined : seenEntries(codes, entries, from, to);
  const [first, end] = seen ? [0, entries] : [from, to];
  let least = seen ? seen.indexOf(1) : from;
  let greatest = least;
  for (let entry = first; entry < end; entry++) {
    if (seen?.[entry] === 0) continue;
    if (compareEntries(data, offsets, entry, least) < 0) least = entry;
    else if (compareEntries(data, offsets, entry, greatest) > 0) greatest = entry;
  }
  return cutBounds(
    data.subarray(offsets[least], offsets[least + 1]),
    data.subarray(offsets[greatest], offsets[greatest + 1]),
    isText,
  );
}

/** 1 for each entry that is among the values. */
function seenEntries(codes: Int32Array, entries: number, from: number, to: number): Uint8Array {
  const seen = new Uint8Array(entries);
  for (let i = from; i < to; i++) seen[codes[i]!] = 1;
  return seen;
}

function compareEntries(data: Buffer, offsets: Int32Array, a: number, b: number): number {
  const [startA, startB] = [offsets[a]!, offsets[b]!];
  const [lengthA, lengthB] = [offsets[a + 1]! - startA, offsets[b + 1]! - startB];
  const shared = Math.min(lengthA, lengthB);
  for (let i = 0; i < shared; i++) {
    const difference = data[startA + i]! - data[startB + i]!;
    if (difference !== 0) return difference;
  }
  return lengthA - lengthB;
}

function cutBounds(least: Buffer, greatest: Buffer, isText: boolean): Bounds | undefined {
  const isExact = least.length <= longestBound && greatest.length <= longestBound;
  if (isExact) return { min: Buffer.from(least), max: Buffer.from(greatest), isExact };
  const max = greatest.length <= longestBound ? Buffer.from(greatest) : above(cut(greatest, isText), isText);
  return max && { min: Buffer.from(cut(least, isText)), max, isExact };
}

/** Text is cut between two characters: a part of one is not text. */
function cut(bytes: Buffer, isText: boolean): Buffer {
  if (bytes.length <= longestBound) return bytes;
  let end = longestBound;
  if (isText) while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.subarray(0, end);
}

/** Something short that is greater than everything that begins so; undefined when there is nothing. */
function above(prefix: Buffer, isText: boolean): Buffer | undefined {
  if (!isText) {
    for (let i = prefix.length - 1; i >= 0; i--)
      if (prefix[i] !== 0xff) {
        const bytes = Buffer.from(prefix.subarray(0, i + 1));
        bytes[i]!++;
        return bytes;
      }
    return undefined;
  }
  const characters = Array.from(prefix.toString());
  for (let i = characters.length - 1; i >= 0; i--) {
    const point = characters[i]!.codePointAt(0)!;
    if (point >= 0x10ffff) continue;
    // There are no characters from D800 to DFFF.
    const next = point + 1 === 0xd800 ? 0xe000 : point + 1;
    return Buffer.from(characters.slice(0, i).join('') + String.fromCodePoint(next));
  }
  return undefined;
}

/** Bounds of both. */
export function joined(
  type: ScalarType,
  one: Bounds | undefined,
  other: Bounds | undefined,
): Bounds | undefined {
  if (!one || !other) return one ?? other;
  return {
    min: compareValues(type, one.min, other.min) <= 0 ? one.min : other.min,
    max: compareValues(type, one.max, other.max) >= 0 ? one.max : other.max,
    isExact: one.isExact && other.isExact,
  };
}

/** Compares two values in the form of PLAIN. */
export function compareValues({ storage, meaning }: ScalarType, a: Uint8Array, b: Uint8Array): number {
  const [x, y] = [
    Buffer.from(a.buffer, a.byteOffset, a.length),
    Buffer.from(b.buffer, b.byteOffset, b.length),
  ];
  switch (storage) {
    case 'boolean':
      return x[0]! - y[0]!;
    case 'int32':
      return x.readInt32LE() - y.readInt32LE();
    case 'int64': {
      const [p, q] = [x.readBigInt64LE(), y.readBigInt64LE()];
      return p < q ? -1 : p > q ? 1 : 0;
    }
    case 'float32':
      return x.readFloatLE() - y.readFloatLE();
    case 'float64':
      return x.readDoubleLE() - y.readDoubleLE();
    default:
      // A decimal's first bit is its sign.
      if (meaning.kind === 'decimal' && (x[0]! ^ y[0]!) & 0x80) return x[0]! & 0x80 ? -1 : 1;
      return Buffer.compare(x, y);
  }
}

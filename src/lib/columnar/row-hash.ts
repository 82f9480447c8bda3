import type { Column } from './batch.js';
import { BytesColumn } from './bytes-column.js';
import { unitsAt } from './decimal.js';
import type { FixedColumn } from './fixed-column.js';
import type { ListColumn, StructColumn } from './nested-columns.js';
import type { ScalarType, Type } from './type.js';

/**
 * Two hashes of 32 bits for each row: 64 bits together. Equal values have equal ones, whichever width and scale their numbers
 * have and however the column keeps them; −0 and 0 are different values, and all NaN are one.
 */
export interface Hashes {
  readonly one: Int32Array;
  readonly other: Int32Array;
}

/** Hashes of rows, of those of their columns in order. */
export function rowHashes(columns: readonly Hashes[], rows: number): Hashes {
  const out = hashes(rows);
  for (const [c, { one, other }] of columns.entries())
    for (let row = 0; row < rows; row++) {
      out.one[row] = mix(out.one[row]! ^ one[row]!, c);
      out.other[row] = remix(out.other[row]! ^ other[row]!, c);
    }
  return out;
}

const nullHash = 0x6e756c6c;

/** Hashes of a column's values. @param rows of the column */
export function hashesOf(column: Column, type: Type, rows: number): Hashes {
  const values = valueHashes(column, type);
  const { presence, count } = column;
  if (count === rows) return values;
  const out = hashes(rows);
  let nulls = 0;
  for (let row = 0; row < rows; row++) {
    const isNull = presence.nullRow(nulls) === row;
    if (isNull) nulls++;
    out.one[row] = isNull ? nullHash : values.one[row - nulls]!;
    out.other[row] = isNull ? ~nullHash : values.other[row - nulls]!;
  }
  return out;
}

function valueHashes(column: Column, type: Type): Hashes {
  if (type.storage === 'list') return listHashes(column as ListColumn, type.element);
  if (type.storage === 'struct') {
    const { fields, count } = column as StructColumn;
    return rowHashes(
      fields.map((field, i) => hashesOf(field, type.fields[i]!.type, count)),
      count,
    );
  }
  return column instanceof BytesColumn ? bytesHashes(column) : fixedHashes(column as FixedColumn, type);
}

function listHashes({ elements, offsets, count }: ListColumn, element: Type): Hashes {
  const parts = hashesOf(elements, element, count === 0 ? 0 : offsets[count]!);
  const out = hashes(count);
  for (let i = 0; i < count; i++) {
    let one = mix(0, offsets[i + 1]! - offsets[i]!);
    let other = remix(0, offsets[i + 1]! - offsets[i]!);
    for (let k = offsets[i]!; k < offsets[i + 1]!; k++) {
      one = mix(one, parts.one[k]!);
      other = remix(other, parts.other[k]!);
    }
    out.one[i] = one;
    out.other[i] = other;
  }
  return out;
}

function bytesHashes({ data, offsets, codes, isPlain, entries, count }: BytesColumn): Hashes {
  const byEntry = hashes(entries);
  for (let entry = 0; entry < entries; entry++)
    hashBytes(data, offsets[entry]!, offsets[entry + 1]!, byEntry, entry);
  if (isPlain) return byEntry;
  const out = hashes(count);
  for (let i = 0; i < count; i++) {
    out.one[i] = byEntry.one[codes[i]!]!;
    out.other[i] = byEntry.other[codes[i]!]!;
  }
  return out;
}

function hashBytes(data: Uint8Array, from: number, to: number, out: Hashes, i: number): void {
  let [one, other] = [to - from, ~(to - from)];
  let at = from;
  for (; at + 4 <= to; at += 4) {
    const word = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
    one = mix(one, word);
    other = remix(other, word);
  }
  let rest = 0;
  for (let shift = 0; at < to; at++, shift += 8) rest |= data[at]! << shift;
  out.one[i] = mix(one, rest);
  out.other[i] = remix(other, rest);
}

function fixedHashes(column: FixedColumn, type: ScalarType): Hashes {
  if (type.meaning.kind === 'decimal') return decimalHashes(column, type, type.meaning.scale);
  const { bytes, int32, float32, float64, count, width } = column;
  const out = hashes(count);
  const put = (i: number, low: number, high: number): void => {
    out.one[i] = mix(mix(0, low), high);
    out.other[i] = remix(remix(0, low), high);
  };
  const double = new Float64Array(1);
  const words = new Int32Array(double.buffer);
  switch (type.storage) {
    case 'boolean':
      for (let i = 0; i < count; i++) put(i, bytes[i] === 0 ? 0 : 1, 0);
      return out;
    case 'int32':
      for (let i = 0; i < count; i++) put(i, int32[i]!, int32[i]! >> 31);
      return out;
    case 'int64':
      for (let i = 0; i < count; i++) put(i, int32[2 * i]!, int32[2 * i + 1]!);
      return out;
    case 'float32':
    case 'float64':
      for (let i = 0; i < count; i++) {
        const value = type.storage === 'float32' ? float32[i]! : float64[i]!;
        double[0] = value === value ? value : NaN;
        put(i, words[0]!, words[1]!);
      }
      return out;
    default:
      for (let i = 0; i < count; i++) hashBytes(bytes, i * width, (i + 1) * width, out, i);
      return out;
  }
}

/** Without the zeros at the end of their digits, so that `1.5` and `1.50` are one number. */
function decimalHashes({ bytes, int32, count }: FixedColumn, type: ScalarType, scale: number): Hashes {
  const out = hashes(count);
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i < count; i++) {
    const units =
      type.storage === 'int32'
        ? int32[i]!
        : type.storage === 'int64'
          ? int32[2 * i + 1]! * 2 ** 32 + (int32[2 * i]! >>> 0)
          : NaN;
    if (Number.isSafeInteger(units)) hashNumber(units, scale, out, i);
    else hashLongNumber(unitsAt(type, all, i), scale, out, i);
  }
  return out;
}

function hashNumber(units: number, scale: number, out: Hashes, i: number): void {
  let [short, digits] = [units, units === 0 ? 0 : scale];
  for (; digits > 0 && short % 10 === 0; digits--) short /= 10;
  const high = Math.floor(short / 2 ** 32);
  out.one[i] = mix(mix(mix(0, short | 0), high | 0), digits);
  out.other[i] = remix(remix(remix(0, short | 0), high | 0), digits);
}

function hashLongNumber(units: bigint, scale: number, out: Hashes, i: number): void {
  let [rest, digits] = [units, scale];
  for (; digits > 0 && rest % 10n === 0n; digits--) rest /= 10n;
  if (BigInt.asIntN(53, rest) === rest) return hashNumber(Number(rest), digits, out, i);
  let [one, other] = [mix(0, digits), remix(0, digits)];
  for (; rest !== 0n && rest !== -1n; rest >>= 32n) {
    one = mix(one, Number(BigInt.asIntN(32, rest)));
    other = remix(other, Number(BigInt.asIntN(32, rest)));
  }
  out.one[i] = mix(one, Number(rest));
  out.other[i] = remix(other, Number(rest));
}

function hashes(count: number): Hashes {
  return { one: new Int32Array(count), other: new Int32Array(count) };
}

/* Of Murmur's kind, with constants of their own. */

function mix(hash: number, word: number): number {
  let h = Math.imul(hash ^ word, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  return h ^ (h >>> 13);
}

function remix(hash: number, word: number): number {
  let h = Math.imul((hash + 0x27d4eb2f) ^ word, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 16), 0x165667b1);
  return h ^ (h >>> 14);
}

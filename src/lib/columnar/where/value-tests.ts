import type { BytesColumn } from '../bytes-column.js';
import type { FixedColumn } from '../fixed-column.js';
import { compareValues } from '../bounds.js';
import type { ValueBounds } from './value-bounds.js';
import { microsOf96 } from '../timestamp96.js';
import type { ScalarType } from '../type.js';

/** What a comparison with a value may give, as bits. */
export const outcome = { less: 1, equal: 2, greater: 4 } as const;

/** What can come of a test. */
export interface Possible {
  readonly true: boolean;
  readonly false: boolean;
}

/** A condition on a value that is not null. */
export interface ValueTest {
  /** Sets `out[i]` to 1 or 0 for each value of the column. */
  run(column: FixedColumn | BytesColumn, out: Uint8Array): void;
  /** What can come of it for values within bounds. */
  possible(bounds: ValueBounds): Possible;
}

/** Compares values in the order of their type, in which NaN is the greatest number, and −0 and +0 are equal. */
export function comparison(type: ScalarType, value: Buffer, accepted: number): ValueTest {
  const isFloat = type.storage === 'float32' || type.storage === 'float64';
  return {
    run: (column, out) => {
      if (isFloat) compareFloats(column as FixedColumn, floatIn(type, value), accepted, out);
      else if (type.storage === 'int32')
        compareWords(column as FixedColumn, value.readInt32LE(), accepted, out);
      else if (type.storage === 'int64') compareDoubleWords(column as FixedColumn, value, accepted, out);
      else
        eachValue(column, out, (bytes) => {
          const order = compareValues(type, bytes, value);
          return (accepted & (order < 0 ? outcome.less : order > 0 ? outcome.greater : outcome.equal)) !== 0;
        });
    },
    possible: (bounds) => {
      const outcomes = isFloat ? floatOutcomes(type, bounds, value) : outcomesOf(type, bounds, value);
      return { true: (outcomes & accepted) !== 0, false: (outcomes & ~accepted) !== 0 };
    },
  };
}

/** Of times as INT96, whose bytes are in no order. @param micros since 1970 */
export function comparison96(micros: bigint, accepted: number): ValueTest {
  return {
    run: (column, out) =>
      eachValue(column, out, (bytes) => {
        const value = microsOf96(bytes);
        return (
          (accepted & (value < micros ? outcome.less : value > micros ? outcome.greater : outcome.equal)) !==
          0
        );
      }),
    possible: () => ({ true: true, false: true }),
  };
}

export const isNaN: ValueTest = {
  run: (column, out) => {
    const { count, width, float32, float64 } = column as FixedColumn;
    const values = width === 4 ? float32 : float64;
    for (let i = 0; i < count; i++) out[i] = Number.isNaN(values[i]) ? 1 : 0;
  },
  possible: ({ min, mayHaveNaN }) => ({ true: min === undefined || mayHaveNaN, false: true }),
};

/** @param pattern of SQL: % is any text, _ a character, and \ takes the next one as it is */
export function like(pattern: string): ValueTest {
  const parts = Array.from(pattern.matchAll(/\\(.)|([%_])|([^\\%_]+|\\$)/gsu));
  const source = parts.map(([whole, escaped, wildcard]) =>
    wildcard === '%' ? '.*' : wildcard === '_' ? '.' : literal(escaped ?? whole),
  );
  const matcher = new RegExp(`^${source.join('')}$`, 'su');
  const wildcard = parts.findIndex(([, , found]) => found !== undefined);
  const exact = parts.slice(0, wildcard === -1 ? parts.length : wildcard);
  const prefix = Buffer.from(exact.map(([whole, escaped]) => escaped ?? whole).join(''));
  return {
    run: (column, out) => eachValue(column, out, (bytes) => matcher.test(bytes.toString())),
    possible: ({ min, max }) => ({
      true:
        (max === undefined || Buffer.compare(max, prefix) >= 0) &&
        (min === undefined || Buffer.compare(min.subarray(0, prefix.length), prefix) <= 0),
      false: true,
    }),
  };
}

/** The same of every value. */
export function constant(value: boolean): ValueTest {
  return {
    run: (column, out) => void out.fill(value ? 1 : 0, 0, column.count),
    possible: () => ({ true: value, false: !value }),
  };
}

function literal(text: string): string {
  return text.replace(/[\^$\\.*+?()[\]{}|/-]/g, '\\$&');
}

function outcomesOf(type: ScalarType, { min, max }: ValueBounds, value: Buffer): number {
  const least = min === undefined ? -1 : compareValues(type, min, value);
  const most = max === undefined ? 1 : compareValues(type, max, value);
  return (
    (least < 0 ? outcome.less : 0) |
    (least <= 0 && most >= 0 ? outcome.equal : 0) |
    (most > 0 ? outcome.greater : 0)
  );
}

function floatOutcomes(type: ScalarType, { min, max, mayHaveNaN }: ValueBounds, value: Buffer): number {
  const wanted = floatIn(type, value);
  const all = outcome.less | outcome.equal | outcome.greater;
  if (min === undefined || max === undefined) return all;
  const nan = !mayHaveNaN ? 0 : Number.isNaN(wanted) ? outcome.equal : outcome.greater;
  if (Number.isNaN(wanted)) return outcome.less | nan;
  const [least, most] = [floatIn(type, min), floatIn(type, max)];
  return (
    nan |
    (least < wanted ? outcome.less : 0) |
    (least <= wanted && most >= wanted ? outcome.equal : 0) |
    (most > wanted ? outcome.greater : 0)
  );
}

function floatIn({ storage }: ScalarType, bytes: Buffer): number {
  return storage === 'float32' ? bytes.readFloatLE() : bytes.readDoubleLE();
}

function compareFloats(column: FixedColumn, wanted: number, accepted: number, out: Uint8Array): void {
  const values = column.width === 4 ? column.float32 : column.float64;
  const [less, equal, greater] = bitsOf(accepted);
  const isNaN = wanted !== wanted;
  for (let i = 0; i < column.count; i++) {
    const value = values[i]!;
    if (value !== value) out[i] = isNaN ? equal : greater;
    else if (isNaN || value < wanted) out[i] = less;
    else out[i] = value === wanted ? equal : greater;
  }
}

function compareWords(
  { int32, count }: FixedColumn,
  wanted: number,
  accepted: number,
  out: Uint8Array,
): void {
  const [less, equal, greater] = bitsOf(accepted);
  for (let i = 0; i < count; i++) {
    const value = int32[i]!;
    out[i] = value < wanted ? less : value === wanted ? equal : greater;
  }
}

function compareDoubleWords(
  { int32, count }: FixedColumn,
  value: Buffer,
  accepted: number,
  out: Uint8Array,
): void {
  const [less, equal, greater] = bitsOf(accepted);
  const [low, high] = [value.readUInt32LE(0), value.readInt32LE(4)];
  for (let i = 0; i < count; i++) {
    const top = int32[2 * i + 1]!;
    const bottom = int32[2 * i]! >>> 0;
    if (top === high) out[i] = bottom < low ? less : bottom === low ? equal : greater;
    else out[i] = top < high ? less : greater;
  }
}

function bitsOf(accepted: number): [less: 0 | 1, equal: 0 | 1, greater: 0 | 1] {
  const bit = (each: number): 0 | 1 => ((accepted & each) === 0 ? 0 : 1);
  return [bit(outcome.less), bit(outcome.equal), bit(outcome.greater)];
}

/** Tests the bytes of each value, or of each entry of a dictionary once. */
function eachValue(
  column: FixedColumn | BytesColumn,
  out: Uint8Array,
  test: (bytes: Buffer) => boolean,
): void {
  if ('width' in column) {
    const { bytes, width, count } = column;
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let i = 0; i < count; i++) out[i] = test(all.subarray(i * width, (i + 1) * width)) ? 1 : 0;
    return;
  }
  const { data, offsets, codes, entries, isPlain, count } = column;
  const found = isPlain ? out : new Uint8Array(entries);
  for (let i = 0; i < entries; i++) found[i] = test(data.subarray(offsets[i], offsets[i + 1])) ? 1 : 0;
  if (!isPlain) for (let i = 0; i < count; i++) out[i] = found[codes[i]!]!;
}

import type { Column } from '../batch.js';
import type { BytesColumn } from '../bytes-column.js';
import type { FixedColumn } from '../fixed-column.js';
import { CopyMalformed } from './tuple-index.js';

/** Some rows of a block, and which row of the batch the first of them becomes. */
export interface Slice {
  readonly block: Uint8Array;
  /** Field f of row r begins at `starts[r × stride + f]` of the block, and has so many bytes; −1: it is null. */
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  /** Fields of a row. */
  readonly stride: number;
  readonly from: number;
  readonly to: number;
  readonly row: number;
}

/** Adds one field of each row to a column. @throws CopyMalformed, ValueRefused */
export type Decode = (slice: Slice, field: number, column: Column) => void;

/** A value that the file cannot hold. */
export class ValueRefused extends Error {
  override readonly name = 'ValueRefused';

  /** @param row of the batch */
  constructor(
    readonly what: string,
    readonly row: number,
  ) {
    super(what);
  }
}

/** Calls `take` with each value's place in the block; `width` is what each must have, if it must. */
function each(
  { block, starts, lengths, stride, from, to, row }: Slice,
  field: number,
  column: Column,
  width: number | undefined,
  take: (block: Uint8Array, at: number, length: number, row: number) => void,
): void {
  for (let r = from, k = from * stride + field; r < to; r++, k += stride) {
    const length = lengths[k]!;
    if (length < 0) column.presence.addNull(row + r - from);
    else if (width !== undefined && length !== width) throw wrongWidth(length, width);
    else take(block, starts[k]!, length, row + r - from);
  }
}

export const boolean: Decode = (slice, field, column) => {
  const out = column as FixedColumn;
  each(slice, field, column, 1, (block, at) => {
    out.bytes[out.count++] = block[at]!;
  });
};

export const int16: Decode = (slice, field, column) => {
  const out = column as FixedColumn;
  each(slice, field, column, 2, (block, at) => {
    out.int32[out.count++] = ((block[at]! << 24) >> 16) | block[at + 1]!;
  });
};

/** Of four bytes, whatever they mean. The loops of the most frequent types stand here as they are, for speed. */
export const word: Decode = ({ block, starts, lengths, stride, from, to, row }, field, column) => {
  const out = column as FixedColumn;
  const { int32, presence } = out;
  let { count } = out;
  for (let r = from, k = from * stride + field; r < to; r++, k += stride) {
    const length = lengths[k]!;
    if (length === 4) {
      const at = starts[k]!;
      int32[count++] = (block[at]! << 24) | (block[at + 1]! << 16) | (block[at + 2]! << 8) | block[at + 3]!;
    } else if (length < 0) presence.addNull(row + r - from);
    else throw wrongWidth(length, 4);
  }
  out.count = count;
};

/** Of four bytes, as eight. */
export const unsignedWord: Decode = (slice, field, column) => {
  const out = column as FixedColumn;
  each(slice, field, column, 4, (block, at) => {
    out.int32[2 * out.count] =
      (block[at]! << 24) | (block[at + 1]! << 16) | (block[at + 2]! << 8) | block[at + 3]!;
    out.int32[2 * out.count++ + 1] = 0;
  });
};

/** Of eight bytes. */
export const doubleWord: Decode = ({ block, starts, lengths, stride, from, to, row }, field, column) => {
  const out = column as FixedColumn;
  const { int32, presence } = out;
  let place = 2 * out.count;
  for (let r = from, k = from * stride + field; r < to; r++, k += stride) {
    const length = lengths[k]!;
    if (length === 8) {
      const at = starts[k]!;
      int32[place + 1] = (block[at]! << 24) | (block[at + 1]! << 16) | (block[at + 2]! << 8) | block[at + 3]!;
      int32[place] = (block[at + 4]! << 24) | (block[at + 5]! << 16) | (block[at + 6]! << 8) | block[at + 7]!;
      place += 2;
    } else if (length < 0) presence.addNull(row + r - from);
    else throw wrongWidth(length, 8);
  }
  out.count = place / 2;
};

/** Microseconds from 1970 to 2000, from where PostgreSQL counts, in halves. */
const epochHigh = Math.floor(946_684_800_000_000 / 2 ** 32);
const epochLow = 946_684_800_000_000 % 2 ** 32;

export const timestamp: Decode = ({ block, starts, lengths, stride, from, to, row }, field, column) => {
  const out = column as FixedColumn;
  const { int32, presence } = out;
  let place = 2 * out.count;
  for (let r = from, k = from * stride + field; r < to; r++, k += stride) {
    const length = lengths[k]!;
    if (length === 8) {
      const at = starts[k]!;
      const high = (block[at]! << 24) | (block[at + 1]! << 16) | (block[at + 2]! << 8) | block[at + 3]!;
      const low =
        ((block[at + 4]! << 24) | (block[at + 5]! << 16) | (block[at + 6]! << 8) | block[at + 7]!) >>> 0;
      if ((high === 0x7fffffff && low === 0xffffffff) || (high === -0x80000000 && low === 0))
        throw new ValueRefused(high < 0 ? '-infinity' : 'infinity', row + r - from);
      const sum = low + epochLow;
      const sumHigh = high + epochHigh + (sum >= 2 ** 32 ? 1 : 0);
      if (sumHigh > 0x7fffffff)
        throw new ValueRefused('a time after 294247-01-10 04:00:54.775807', row + r - from);
      int32[place] = sum | 0;
      int32[place + 1] = sumHigh;
      place += 2;
    } else if (length < 0) presence.addNull(row + r - from);
    else throw wrongWidth(length, 8);
  }
  out.count = place / 2;
};

const epochDays = 10_957;

export const date: Decode = (slice, field, column) => {
  const out = column as FixedColumn;
  each(slice, field, column, 4, (block, at, _, row) => {
    const days = (block[at]! << 24) | (block[at + 1]! << 16) | (block[at + 2]! << 8) | block[at + 3]!;
    if (days === 0x7fffffff || days === -0x80000000)
      throw new ValueRefused(days < 0 ? '-infinity' : 'infinity', row);
    out.int32[out.count++] = days + epochDays;
  });
};

/** Bytes as they are. */
export const bytes: Decode = ({ block, starts, lengths, stride, from, to, row }, field, column) => {
  const out = column as BytesColumn;
  const { presence } = out;
  for (let r = from, k = from * stride + field; r < to; r++, k += stride) {
    const length = lengths[k]!;
    if (length < 0) presence.addNull(row + r - from);
    else out.add(block, starts[k]!, length);
  }
};

/** A byte that says the version, and text. */
export const jsonb: Decode = (slice, field, column) => {
  const out = column as BytesColumn;
  each(slice, field, column, undefined, (block, at, length) => {
    if (length < 1 || block[at] !== 1) throw new CopyMalformed('jsonb of an unknown version');
    out.add(block, at + 1, length - 1);
  });
};

/** A value's text, as PostgreSQL prints it, made by `text`. */
export function textOf(
  width: number | undefined,
  text: (block: Uint8Array, at: number, length: number) => string,
): Decode {
  return (slice, field, column) => {
    const out = column as BytesColumn;
    each(slice, field, column, width, (block, at, length) => {
      const made = Buffer.from(text(block, at, length));
      out.add(made, 0, made.length);
    });
  };
}

function wrongWidth(length: number, width: number): CopyMalformed {
  return new CopyMalformed(`a value has ${length} bytes, not ${width}`);
}

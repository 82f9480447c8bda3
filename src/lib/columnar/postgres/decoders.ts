import { isUtf8 } from 'node:buffer';

import type { Column } from '../batch.js';
import type { BytesColumn } from '../bytes-column.js';
import type { FixedColumn } from '../fixed-column.js';
import type { Misfit } from '../refusals.js';
import { CopyMalformed } from './tuple-index.js';

/** Some rows of a block, and which row of the batch the first of them becomes. */
export interface Slice {
  readonly block: Uint8Array;
  /** Field f of row r begins at `starts[r × stride + f]` of the block; its length in bytes, −1: it is null. */
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
  /** Fields of a row. */
  readonly stride: number;
  readonly from: number;
  readonly to: number;
  readonly row: number;
  readonly refuse: Refuse;
}

/** Is told of a value that the file cannot hold, in which row of the batch. The value is then null, or kept if it is misread. */
export type Refuse = (misfit: Misfit, row: number) => void;

/** Adds one field of each row to a column. @throws CopyMalformed */
export type Decode = (slice: Slice, field: number, column: Column) => void;

/** Calls `take` with each value's place in the block; `width` is what each must have, if it must. */
export function each(
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

/** Bytes of one length. */
export function fixed(width: number): Decode {
  return (slice, field, column) => {
    const out = column as FixedColumn;
    each(slice, field, column, width, (block, at) => {
      for (let i = 0, to = width * out.count++; i < width; i++) out.bytes[to + i] = block[at + i]!;
    });
  };
}

const notUtf8: Misfit = { kind: 'encoding', value: 'bytes that are not UTF-8' };

/** Text of a database that does not know its encoding. */
export const uncheckedText: Decode = (slice, field, column) => {
  const out = column as BytesColumn;
  each(slice, field, column, undefined, (block, at, length, row) => {
    if (isUtf8(block.subarray(at, at + length))) return out.add(block, at, length);
    column.presence.addNull(row);
    slice.refuse(notUtf8, row);
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

const hexDigits = Buffer.from('0123456789abcdef');

/** A uuid as text. */
export function uuidText(): Decode {
  const text = Buffer.alloc(36, '-');
  return (slice, field, column) => {
    const out = column as BytesColumn;
    each(slice, field, column, 16, (block, at) => {
      for (let i = 0, to = 0; i < 16; i++) {
        if (i === 4 || i === 6 || i === 8 || i === 10) to++;
        text[to++] = hexDigits[block[at + i]! >> 4]!;
        text[to++] = hexDigits[block[at + i]! & 15]!;
      }
      out.add(text, 0, text.length);
    });
  };
}

export function wrongWidth(length: number, width: number): CopyMalformed {
  return new CopyMalformed(`a value has ${length} bytes, not ${width}`);
}

import type { ListColumn, StructColumn } from '../nested-columns.js';
import type { Misfit } from '../refusals.js';
import type { Decode, Slice } from './decoders.js';
import { CopyMalformed } from './tuple-index.js';
import type { Mapped } from './types.js';

/** Where the parts of nested values are in a block. */
class Parts {
  starts = new Int32Array(256);
  lengths = new Int32Array(256);
  /** Of the batch: each part's row. */
  rows = new Int32Array(256);
  count = 0;

  add(start: number, length: number, row: number): void {
    if (this.count === this.starts.length) {
      this.starts = doubled(this.starts);
      this.lengths = doubled(this.lengths);
      this.rows = doubled(this.rows);
    }
    this.rows[this.count] = row;
    this.starts[this.count] = start;
    this.lengths[this.count++] = length;
  }
}

/** Arrays of one dimension. A file's lists begin at 1, whatever the array's subscripts do. */
export function list(element: Mapped): Decode {
  const parts = new Parts();
  return (slice, field, column) => {
    const out = column as ListColumn;
    const { block, starts, lengths, stride, from, to, row } = slice;
    parts.count = 0;
    const before = out.count === 0 ? 0 : out.offsets[out.count]!;
    for (let r = from, k = from * stride + field; r < to; r++, k += stride) {
      const length = lengths[k]!;
      if (length < 0) {
        out.presence.addNull(row + r - from);
        continue;
      }
      const reader = new Reader(block, starts[k]!, length);
      const dimensions = reader.int32();
      if (dimensions > 1) {
        out.presence.addNull(row + r - from);
        slice.refuse(ofDimensions(dimensions), row + r - from);
        continue;
      }
      // Whether there are nulls, and the element's type.
      reader.skip(8);
      const elements = dimensions === 0 ? 0 : reader.int32();
      if (dimensions === 1) reader.skip(4);
      for (let i = 0; i < elements; i++) reader.part(parts, row + r - from);
      reader.end();
      out.reserve(out.count + 1);
      out.offsets[out.count] = before + parts.count - elements;
      out.offsets[++out.count] = before + parts.count;
    }
    out.elements.reserve(before + parts.count);
    const inner: Slice = {
      block,
      starts: parts.starts,
      lengths: parts.lengths,
      stride: 1,
      from: 0,
      to: parts.count,
      row: before,
      refuse: (misfit, at) => slice.refuse(misfit, parts.rows[at - before]!),
    };
    element.decode(inner, 0, out.elements);
  };
}

function ofDimensions(dimensions: number): Misfit {
  return { kind: 'dimensions', value: `an array of ${dimensions} dimensions` };
}

/** Records of named types. */
export function struct(fields: readonly Mapped[]): Decode {
  const parts = new Parts();
  return (slice, field, column) => {
    const out = column as StructColumn;
    const { block, starts, lengths, stride, from, to, row } = slice;
    parts.count = 0;
    const before = out.count;
    for (let r = from, k = from * stride + field; r < to; r++, k += stride) {
      const length = lengths[k]!;
      if (length < 0) {
        out.presence.addNull(row + r - from);
        continue;
      }
      const reader = new Reader(block, starts[k]!, length);
      if (reader.int32() !== fields.length)
        throw new CopyMalformed('a record has other fields than its type');
      for (let i = 0; i < fields.length; i++) {
        // The field's type.
        reader.skip(4);
        reader.part(parts, row + r - from);
      }
      reader.end();
      out.count++;
    }
    out.reserve(out.count);
    const inner: Slice = {
      block,
      starts: parts.starts,
      lengths: parts.lengths,
      stride: fields.length,
      from: 0,
      to: out.count - before,
      row: before,
      refuse: (misfit, at) => slice.refuse(misfit, parts.rows[(at - before) * fields.length]!),
    };
    for (const [i, { decode }] of fields.entries()) decode(inner, i, out.fields[i]!);
  };
}

/** Reads the parts of one value. */
class Reader {
  #at: number;
  readonly #end: number;

  constructor(
    readonly block: Uint8Array,
    at: number,
    length: number,
  ) {
    this.#at = at;
    this.#end = at + length;
  }

  int32(): number {
    const { block } = this;
    const at = this.#at;
    this.skip(4);
    return (block[at]! << 24) | (block[at + 1]! << 16) | (block[at + 2]! << 8) | block[at + 3]!;
  }

  skip(bytes: number): void {
    this.#at += bytes;
    if (this.#at > this.#end) throw new CopyMalformed('a value is cut short');
  }

  /** A length, and that number of bytes. */
  part(parts: Parts, row: number): void {
    const length = this.int32();
    parts.add(this.#at, length, row);
    if (length > 0) this.skip(length);
  }

  end(): void {
    if (this.#at !== this.#end) throw new CopyMalformed('a value is longer than its parts');
  }
}

function doubled(array: Int32Array): Int32Array<ArrayBuffer> {
  const more = new Int32Array(2 * array.length);
  more.set(array);
  return more;
}

import type { ListColumn, StructColumn } from '../nested-columns.js';
import { type Decode, type Slice, ValueRefused } from './decoders.js';
import { CopyMalformed } from './tuple-index.js';
import type { Mapped } from './types.js';

/** Where the parts of nested values are in a block. */
class Parts {
  starts = new Int32Array(256);
  lengths = new Int32Array(256);
  count = 0;

  add(start: number, length: number): void {
    if (this.count === this.starts.length) {
      this.starts = doubled(this.starts);
      this.lengths = doubled(this.lengths);
    }
    this.starts[this.count] = start;
    this.lengths[this.count++] = length;
  }
}

/** Arrays of one dimension. */
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
      if (dimensions > 1) throw new ValueRefused(`an array of ${dimensions} dimensions`, row + r - from);
      // Whether there are nulls, and the element's type.
      reader.skip(8);
      const elements = dimensions === 0 ? 0 : reader.int32();
      if (dimensions === 1) reader.skip(4);
      for (let i = 0; i < elements; i++) reader.part(parts);
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
    };
    try {
      element.decode(inner, 0, out.elements);
    } catch (error) {
      if (!(error instanceof ValueRefused)) throw error;
      throw new ValueRefused(`${error.what} in an array`, row);
    }
  };
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
        reader.part(parts);
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
    };
    for (const [i, { decode }] of fields.entries()) {
      try {
        decode(inner, i, out.fields[i]!);
      } catch (error) {
        if (!(error instanceof ValueRefused)) throw error;
        throw new ValueRefused(`${error.what} in a record`, row);
      }
    }
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

  /** A length, and so many bytes. */
  part(parts: Parts): void {
    const length = this.int32();
    parts.add(this.#at, length);
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

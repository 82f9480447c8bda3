const type = { true: 1, false: 2, i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const;
export type ListType = 'i32' | 'i64' | 'binary' | 'struct' | 'boolean';
const listTypes: Readonly<Record<ListType, number>> = { i32: 5, i64: 6, binary: 8, struct: 12, boolean: 1 };

/**
 * Writes Thrift's compact protocol, in which Parquet keeps everything but values.
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export class ThriftWriter {
  #bytes: Buffer = Buffer.allocUnsafe(1024);
  #at = 0;
  /** The last field of each struct that is open. */
  readonly #last: number[] = [];

  /** What was written; valid until something more is. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  clear(): this {
    this.#at = 0;
    this.#last.length = 0;
    return this;
  }

  struct(write: () => void): void {
    this.#last.push(0);
    write();
    this.#byte(0);
    this.#last.pop();
  }

  structField(id: number, write: () => void): void {
    this.#field(id, type.struct);
    this.struct(write);
  }

  i32(id: number, value: number): void {
    this.#field(id, type.i32);
    this.zigzag(value);
  }

  /** Up to 2^53. */
  i64(id: number, value: number): void {
    this.#field(id, type.i64);
    this.zigzag(value);
  }

  boolean(id: number, value: boolean): void {
    this.#field(id, value ? type.true : type.false);
  }

  binary(id: number, value: Uint8Array | string): void {
    this.#field(id, type.binary);
    this.binaryValue(value);
  }

  list<T>(id: number, of: ListType, items: readonly T[], write: (item: T) => void): void {
    this.listOf(id, of, items.length, () => items.forEach(write));
  }

  /** @param write writes the items */
  listOf(id: number, of: ListType, count: number, write: () => void): void {
    this.#field(id, type.list);
    if (count < 15) this.#byte((count << 4) | listTypes[of]);
    else {
      this.#byte(0xf0 | listTypes[of]);
      this.#varint(count);
    }
    write();
  }

  binaryValue(value: Uint8Array | string): void {
    const bytes = typeof value === 'string' ? Buffer.from(value) : value;
    this.#varint(bytes.length);
    this.raw(bytes);
  }

  /** What another writer has written. */
  raw(bytes: Uint8Array): void {
    this.#need(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  booleanValue(value: boolean): void {
    this.#byte(value ? type.true : type.false);
  }

  zigzag(value: number): void {
    this.#varint(value >= 0 ? 2 * value : -2 * value - 1);
  }

  #field(id: number, of: number): void {
    const delta = id - this.#last.at(-1)!;
    if (delta > 0 && delta < 16) this.#byte((delta << 4) | of);
    else {
      this.#byte(of);
      this.zigzag(id);
    }
    this.#last[this.#last.length - 1] = id;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#byte((rest % 128) | 128);
      rest = Math.floor(rest / 128);
    }
    this.#byte(rest);
  }

  #byte(value: number): void {
    this.#need(1);
    this.#bytes[this.#at++] = value;
  }

  #need(length: number): void {
    if (this.#at + length <= this.#bytes.length) return;
    const more = Buffer.allocUnsafe(Math.max(this.#at + length, 2 * this.#bytes.length));
    this.#bytes.copy(more, 0, 0, this.#at);
    this.#bytes = more;
  }
}

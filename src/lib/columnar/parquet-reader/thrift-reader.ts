import { ParquetMalformed } from './malformed.js';

/** Fields by their numbers. */
export type ThriftStruct = readonly (ThriftValue | undefined)[];
/** Whole numbers beyond 2^53 are rounded. */
export type ThriftValue =
  boolean | number | Buffer | readonly ThriftValue[] | { readonly fields: ThriftStruct };

/** More than Parquet has; beyond it a file would exhaust the stack. */
const deepest = 32;
const mostFields = 64;

/**
 * Reads a struct of Thrift's compact protocol.
 * https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
 */
export class ThriftReader {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** The place behind what was read. */
  get at(): number {
    return this.#at;
  }

  /** @throws ParquetMalformed, RangeError */
  struct(depth = 0): ThriftStruct {
    if (depth > deepest) throw new ParquetMalformed('its description is nested too deeply');
    const fields: (ThriftValue | undefined)[] = [];
    for (let id = 0; ;) {
      const head = this.#byte();
      if (head === 0) return fields;
      id = head >> 4 === 0 ? this.#zigzag() : id + (head >> 4);
      const value = this.#value(head & 15, depth);
      if (id >= 0 && id < mostFields) fields[id] = value;
    }
  }

  #value(type: number, depth: number): ThriftValue {
    switch (type) {
      case 1:
        return true;
      case 2:
        return false;
      case 3:
        return (this.#byte() << 24) >> 24;
      case 4:
      case 5:
      case 6:
        return this.#zigzag();
      case 7: {
        const value = this.#bytes.readDoubleLE(this.#at);
        this.#at += 8;
        return value;
      }
      case 8: {
        const length = this.#varint();
        if (length > this.#bytes.length - this.#at)
          throw new ParquetMalformed('its description is cut short');
        const start = this.#at;
        this.#at += length;
        return this.#bytes.subarray(start, this.#at);
      }
      case 9:
      case 10:
        return this.#list(depth);
      case 12:
        return { fields: this.struct(depth + 1) };
      default:
        throw new ParquetMalformed(`its description has a value of the unknown type ${type}`);
    }
  }

  #list(depth: number): readonly ThriftValue[] {
    if (depth > deepest) throw new ParquetMalformed('its description is nested too deeply');
    const head = this.#byte();
    const type = head & 15;
    const size = head >> 4 === 15 ? this.#varint() : head >> 4;
    // Each takes a byte at least.
    if (size > this.#bytes.length - this.#at) throw new ParquetMalformed('its description is cut short');
    const values: ThriftValue[] = [];
    for (let i = 0; i < size; i++)
      values.push(type === 1 || type === 2 ? this.#byte() === 1 : this.#value(type, depth + 1));
    return values;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new ParquetMalformed('its description is cut short');
    return byte;
  }

  #varint(): number {
    let value = 0;
    for (let scale = 1, i = 0; i < 10; i++, scale *= 128) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new ParquetMalformed('a number of its description has too many bytes');
  }

  #zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }
}

/* Fields with what they must be. */

export function numberIn(struct: ThriftStruct, id: number): number | undefined {
  const value = struct[id];
  return typeof value === 'number' ? value : undefined;
}

/** A number of bytes or rows, or a place. @throws ParquetMalformed where it is missing or none */
export function sizeIn(struct: ThriftStruct, id: number): number {
  const value = struct[id];
  if (typeof value !== 'number' || value < 0 || !Number.isSafeInteger(value))
    throw new ParquetMalformed(`its description has ${String(value)} where a size belongs`);
  return value;
}

export function bytesIn(struct: ThriftStruct, id: number): Buffer | undefined {
  const value = struct[id];
  return Buffer.isBuffer(value) ? value : undefined;
}

export function textIn(struct: ThriftStruct, id: number): string | undefined {
  return bytesIn(struct, id)?.toString();
}

export function listIn(struct: ThriftStruct, id: number): readonly ThriftValue[] {
  const value = struct[id];
  return Array.isArray(value) ? (value as readonly ThriftValue[]) : [];
}

export function structsIn(struct: ThriftStruct, id: number): readonly ThriftStruct[] {
  return listIn(struct, id).map(structOf);
}

export function structIn(struct: ThriftStruct, id: number): ThriftStruct | undefined {
  const value = struct[id];
  return value === undefined ? undefined : structOf(value);
}

function structOf(value: ThriftValue): ThriftStruct {
  if (typeof value === 'object' && 'fields' in value) return value.fields;
  throw new ParquetMalformed('its description has a value where a struct belongs');
}

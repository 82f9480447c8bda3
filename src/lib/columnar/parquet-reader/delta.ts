import { ParquetMalformed } from './malformed.js';
import { type BytesValues, type FixedValues, fixedValues } from './values.js';

/** Values of a page: a run of equal differences takes no bytes, so that a page may claim any number. */
const mostValues = 2 ** 26;

/**
 * DELTA_BINARY_PACKED: differences, packed in blocks of their own widths.
 * https://parquet.apache.org/docs/file-format/data-pages/encodings/#DELTAENC
 * @param width 4 or 8 bytes
 */
export function readDelta(
  bytes: Buffer,
  at: number,
  width: number,
): { readonly values: FixedValues; readonly end: number } {
  const reader = new BitReader(bytes, at);
  const blockValues = Number(reader.varint());
  const miniblocks = Number(reader.varint());
  const count = Number(reader.varint());
  if (count > mostValues) throw new ParquetMalformed(`a page of ${count} values`);
  const perMiniblock = blockValues / miniblocks;
  if (!Number.isInteger(perMiniblock) || perMiniblock % 8 !== 0 || perMiniblock === 0)
    throw new ParquetMalformed(`blocks of ${blockValues} differences in ${miniblocks} parts`);
  const values = fixedValues(count, width);
  const out = new BigInt64Array(1);
  const put = (i: number): void =>
    width === 4
      ? values.view.setInt32(4 * i, Number(BigInt.asIntN(32, out[0]!)), true)
      : values.view.setBigInt64(8 * i, out[0]!, true);
  out[0] = reader.zigzag();
  if (count > 0) put(0);
  for (let i = 1; i < count;) {
    const least = reader.zigzag();
    const widths = reader.take(miniblocks);
    for (const bits of widths) {
      if (i >= count) break;
      if (bits > 64) throw new ParquetMalformed(`differences of ${bits} bits`);
      const end = reader.at + (bits * perMiniblock) / 8;
      for (let k = 0; k < perMiniblock && i < count; k++) {
        // It wraps round, as the writer's does.
        out[0] = out[0] + least + (bits === 0 ? 0n : reader.bits(bits, k));
        put(i++);
      }
      reader.at = end;
    }
  }
  return { values, end: reader.at };
}

/** DELTA_LENGTH_BYTE_ARRAY: the lengths of all values, and then their bytes. */
export function readDeltaLengths(bytes: Buffer, at: number): BytesValues {
  const { values, end } = readDelta(bytes, at, 4);
  const lengths = new Int32Array(values.bytes.buffer, 0, values.count);
  const starts = new Int32Array(values.count);
  let place = end;
  for (let i = 0; i < values.count; i++) {
    starts[i] = place;
    place += checkedLength(lengths[i]!);
    if (place > bytes.length) throw new ParquetMalformed('a page is cut short');
  }
  return { kind: 'bytes', count: values.count, data: bytes, starts, lengths };
}

/** DELTA_BYTE_ARRAY: how much of the value before each begins with, and the rest. */
export function readDeltaStrings(bytes: Buffer, at: number): BytesValues {
  const { values, end } = readDelta(bytes, at, 4);
  const prefixes = new Int32Array(values.bytes.buffer, 0, values.count);
  const rest = readDeltaLengths(bytes, end);
  if (rest.count !== values.count) throw new ParquetMalformed('a page has not as many endings as beginnings');
  const starts = new Int32Array(values.count);
  const lengths = new Int32Array(values.count);
  let total = 0;
  for (let i = 0; i < values.count; i++) {
    const before = i === 0 ? 0 : lengths[i - 1]!;
    if (checkedLength(prefixes[i]!) > before)
      throw new ParquetMalformed('a text begins with more than there is');
    starts[i] = total;
    lengths[i] = prefixes[i]! + rest.lengths[i]!;
    total += lengths[i]!;
  }
  if (total > 2 ** 30) throw new ParquetMalformed(`a page of ${total} bytes`);
  const data = Buffer.allocUnsafe(total);
  for (let i = 0; i < values.count; i++) {
    if (i > 0) data.copy(data, starts[i], starts[i - 1]!, starts[i - 1]! + prefixes[i]!);
    bytes.copy(data, starts[i]! + prefixes[i]!, rest.starts[i], rest.starts[i]! + rest.lengths[i]!);
  }
  return { kind: 'bytes', count: values.count, data, starts, lengths };
}

function checkedLength(length: number): number {
  if (length < 0) throw new ParquetMalformed('a text has a negative length');
  return length;
}

class BitReader {
  constructor(
    readonly bytes: Buffer,
    public at: number,
  ) {}

  take(count: number): Buffer {
    if (this.at + count > this.bytes.length) throw new ParquetMalformed('a page is cut short');
    return this.bytes.subarray(this.at, (this.at += count));
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw new ParquetMalformed('a page is cut short');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
    throw new ParquetMalformed('a number has too many bytes');
  }

  zigzag(): bigint {
    const value = this.varint();
    return (value >> 1n) ^ -(value & 1n);
  }

  /** The k-th number of that width in bits from here on. */
  bits(width: number, k: number): bigint {
    let bit = 8 * this.at + width * k;
    if (Math.ceil((bit + width) / 8) > this.bytes.length) throw new ParquetMalformed('a page is cut short');
    let [low, high] = [0, 0];
    for (let got = 0; got < width;) {
      const part = Math.min(8 - (bit & 7), width - got, got < 32 ? 32 - got : 64);
      const value = (this.bytes[bit >> 3]! >> (bit & 7)) & ((1 << part) - 1);
      if (got < 32) low |= value << got;
      else high |= value << (got - 32);
      got += part;
      bit += part;
    }
    return high === 0 ? BigInt(low >>> 0) : (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  }
}

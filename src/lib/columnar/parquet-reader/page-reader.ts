import { crc32 } from 'node:zlib';

import { encodings } from '../parquet/format.js';
import type { ByteSource } from './byte-source.js';
import { decompress } from './decompress.js';
import { readDelta, readDeltaLengths, readDeltaStrings } from './delta.js';
import type { FooterChunk } from './footer.js';
import { HybridReader } from './hybrid-reader.js';
import { ParquetMalformed, ParquetUnsupported } from './malformed.js';
import { numberIn, sizeIn, structIn, ThriftReader, type ThriftStruct } from './thrift-reader.js';
import { type BytesValues, type FixedValues, fixedValues, type Values } from './values.js';

/** What is known of a leaf to read its pages. */
export interface PageShape {
  /** Its number in parquet.thrift. */
  readonly physical: number;
  /** Bytes of a value; undefined where they have any length. */
  readonly width: number | undefined;
  readonly maxDefinition: number;
  readonly maxRepetition: number;
}

export interface Page {
  /** With those that are null. */
  readonly entries: number;
  /** Whether it ends where a row does. */
  readonly isAligned: boolean;
  /** Undefined where the level is always 0. */
  readonly definition: HybridReader | undefined;
  readonly repetition: HybridReader | undefined;
  readonly values: Values;
  /** Which of the values each is; undefined: each is the next one. */
  readonly codes: HybridReader | undefined;
}

/** Where a page is, and what it holds, as its header says. */
export interface PageHeader {
  readonly kind: 'dictionary' | 'data' | 'data2' | 'other';
  /** Of its body. */
  readonly offset: number;
  readonly compressed: number;
  readonly uncompressed: number;
  readonly crc: number | undefined;
  /** Of its kind. */
  readonly details: ThriftStruct;
  readonly entries: number;
}

const kinds: Readonly<Record<number, readonly [PageHeader['kind'], field: number]>> = {
  0: ['data', 5],
  2: ['dictionary', 7],
  3: ['data2', 8],
};
/** Of a page's header, with statistics of long texts. It is read again, longer, where that is not enough. */
const headerBytes = 1024;
const mostHeaderBytes = 2 ** 24;
/** Read at once, where pages are short. */
const readAhead = 256 * 1024;

/** Reads the pages of one leaf in one row group. */
export class PageReader {
  #dictionary: Values | undefined;
  #held: { readonly offset: number; readonly bytes: Buffer } = { offset: 0, bytes: Buffer.alloc(0) };

  constructor(
    readonly source: ByteSource,
    readonly chunk: FooterChunk,
    readonly shape: PageShape,
    /** What the file's values become, where they are of a kind that is not kept here. */
    readonly convert: ((values: Values) => Values) | undefined,
  ) {}

  /** @param offset of the header @throws ParquetMalformed */
  async header(offset: number): Promise<PageHeader> {
    const end = this.chunk.place.offset + this.chunk.place.length;
    for (let length = headerBytes; ; length *= 8) {
      const bytes = await this.#bytes(offset, Math.min(length, end - offset));
      try {
        const reader = new ThriftReader(bytes);
        return checkedHeader(reader.struct(), offset + reader.at, end);
      } catch (error) {
        const isCut = error instanceof ParquetMalformed || error instanceof RangeError;
        if (!isCut || length >= Math.min(end - offset, mostHeaderBytes)) throw error;
      }
    }
  }

  async page(header: PageHeader): Promise<Page> {
    const body = await this.#body(header);
    return header.kind === 'data' ? this.#first(header, body) : this.#second(header, body);
  }

  async readDictionary(header: PageHeader): Promise<void> {
    const bytes = decompress(this.chunk.codec, await this.#body(header), header.uncompressed);
    this.#dictionary = this.#converted(this.#plain(bytes, 0, header.entries));
  }

  get hasDictionary(): boolean {
    return this.#dictionary !== undefined;
  }

  #first({ details, entries, uncompressed }: PageHeader, body: Buffer): Page {
    const bytes = decompress(this.chunk.codec, body, uncompressed);
    const { maxDefinition, maxRepetition } = this.shape;
    let at = 0;
    const levels = (most: number, encodingField: number): HybridReader | undefined => {
      if (most === 0) return undefined;
      if (numberIn(details, encodingField) !== encodings.rle)
        throw new ParquetUnsupported('levels in the form of Parquet 1.0');
      const start = at + 4;
      at = start + bytes.readUInt32LE(at);
      return new HybridReader(bytes, start, at, bitWidth(most));
    };
    const repetition = levels(maxRepetition, 4);
    const definition = levels(maxDefinition, 3);
    const isAligned = maxRepetition === 0;
    return { entries, isAligned, definition, repetition, ...this.#values(bytes, at, entries, details) };
  }

  #second({ details, entries, uncompressed }: PageHeader, body: Buffer): Page {
    const definitionBytes = sizeIn(details, 5);
    const repetitionBytes = sizeIn(details, 6);
    const levelBytes = definitionBytes + repetitionBytes;
    if (levelBytes > body.length || levelBytes > uncompressed)
      throw new ParquetMalformed('a page is cut short');
    const { maxDefinition, maxRepetition } = this.shape;
    const rest = body.subarray(levelBytes);
    const size = uncompressed - levelBytes;
    // Without values there may be nothing to decompress.
    const isPlain = details[7] === false || size === 0;
    const bytes = isPlain ? rest : decompress(this.chunk.codec, rest, size);
    return {
      entries,
      isAligned: true,
      repetition:
        maxRepetition === 0 ? undefined : new HybridReader(body, 0, repetitionBytes, bitWidth(maxRepetition)),
      definition:
        maxDefinition === 0
          ? undefined
          : new HybridReader(body, repetitionBytes, levelBytes, bitWidth(maxDefinition)),
      ...this.#values(bytes, 0, entries - sizeIn(details, 2), details, 4),
    };
  }

  /** @param most values that there can be: how many entries are null may be unknown yet */
  #values(
    bytes: Buffer,
    at: number,
    most: number,
    details: ThriftStruct,
    encodingField = 2,
  ): Pick<Page, 'values' | 'codes'> {
    const { physical, width } = this.shape;
    const written = numberIn(details, encodingField);
    switch (written ?? -1) {
      case encodings.plain:
        return { values: this.#converted(this.#plain(bytes, at, most)), codes: undefined };
      case encodings.plainDictionary:
      case encodings.rleDictionary: {
        if (!this.#dictionary) throw new ParquetMalformed('a dictionary is missing');
        // Where all entries are null there may be no byte at all.
        const codes =
          at < bytes.length ? new HybridReader(bytes, at + 1, bytes.length, bytes[at]!) : undefined;
        return { values: this.#dictionary, codes: codes ?? new HybridReader(bytes, at, at, 0) };
      }
      case encodings.rle: {
        if (physical !== 0) break;
        // Their length comes first.
        const start = Math.min(at + 4, bytes.length);
        return { values: booleans, codes: new HybridReader(bytes, start, bytes.length, 1) };
      }
      case encodings.deltaBinaryPacked:
        if (physical !== 1 && physical !== 2) break;
        return { values: this.#converted(readDelta(bytes, at, width!).values), codes: undefined };
      case encodings.deltaLengths:
        if (physical !== 6) break;
        return { values: this.#converted(readDeltaLengths(bytes, at)), codes: undefined };
      case encodings.deltaStrings:
        return { values: this.#converted(this.#fitted(readDeltaStrings(bytes, at))), codes: undefined };
      case encodings.byteStreamSplit:
        if (width === undefined) break;
        return { values: this.#converted(readSplit(bytes, at, width)), codes: undefined };
    }
    throw new ParquetUnsupported(`the encoding ${String(written)} of the type ${physical}`);
  }

  #plain(bytes: Buffer, at: number, most: number): Values {
    const { physical, width } = this.shape;
    if (physical === 0) return readBits(bytes, at, most);
    if (width === undefined) return readStrings(bytes, at, most);
    const count = Math.min(most, Math.floor((bytes.length - at) / width));
    const values = fixedValues(count, width);
    values.bytes.set(bytes.subarray(at, at + count * width));
    return values;
  }

  /** Values of one length are kept without it. */
  #fitted(strings: BytesValues): Values {
    const { width } = this.shape;
    if (width === undefined) return strings;
    const values = fixedValues(strings.count, width);
    for (let i = 0; i < strings.count; i++) {
      if (strings.lengths[i] !== width) throw new ParquetMalformed(`a value has ${strings.lengths[i]} bytes`);
      values.bytes.set(strings.data.subarray(strings.starts[i]!, strings.starts[i]! + width), i * width);
    }
    return values;
  }

  #converted(values: Values): Values {
    return this.convert ? this.convert(values) : values;
  }

  async #body({ offset, compressed, crc }: PageHeader): Promise<Buffer> {
    const bytes = await this.#bytes(offset, compressed);
    if (crc !== undefined && crc32(bytes) !== crc >>> 0)
      throw new ParquetMalformed(`the page at ${offset} has changed: its checksum is another`);
    return bytes;
  }

  /** Reads more than is asked for, as pages are read one after the other. */
  async #bytes(offset: number, length: number): Promise<Buffer> {
    const held = this.#held;
    const start = offset - held.offset;
    if (start < 0 || start + length > held.bytes.length) {
      const end = this.chunk.place.offset + this.chunk.place.length;
      const more = Math.min(Math.max(length, readAhead), end - offset);
      this.#held = { offset, bytes: await this.source.read(offset, Math.max(length, more)) };
      return this.#held.bytes.subarray(0, length);
    }
    return held.bytes.subarray(start, start + length);
  }
}

/** Booleans as run lengths are codes of these. */
const booleans: FixedValues = { kind: 'fixed', count: 2, width: 1, bytes: Uint8Array.of(0, 1) };

function checkedHeader(struct: ThriftStruct, offset: number, end: number): PageHeader {
  const [kind, field] = kinds[sizeIn(struct, 1)] ?? (['other', 0] as const);
  const compressed = sizeIn(struct, 3);
  if (offset + compressed > end) throw new ParquetMalformed('a page is longer than its column');
  const details = structIn(struct, field) ?? [];
  return {
    kind,
    offset,
    compressed,
    uncompressed: sizeIn(struct, 2),
    crc: numberIn(struct, 4),
    details,
    entries: kind === 'other' ? 0 : sizeIn(details, 1),
  };
}

function readBits(bytes: Buffer, at: number, most: number): FixedValues {
  const count = Math.min(most, 8 * (bytes.length - at));
  const out = new Uint8Array(count);
  for (let i = 0; i < count; i++) out[i] = (bytes[at + (i >> 3)]! >> (i & 7)) & 1;
  return { kind: 'fixed', count, width: 1, bytes: out };
}

function readStrings(bytes: Buffer, from: number, most: number): BytesValues {
  // Each takes four bytes at least.
  const room = Math.min(most, (bytes.length - from) >> 2);
  const starts = new Int32Array(room);
  const lengths = new Int32Array(room);
  let count = 0;
  for (let at = from; count < room && at + 4 <= bytes.length; count++) {
    const length = bytes.readUInt32LE(at);
    at += 4;
    if (length > bytes.length - at) throw new ParquetMalformed('a text is longer than its page');
    starts[count] = at;
    lengths[count] = length;
    at += length;
  }
  return { kind: 'bytes', count, data: bytes, starts, lengths };
}

/** BYTE_STREAM_SPLIT: the first byte of all values, then the second one, and so on. */
function readSplit(bytes: Buffer, at: number, width: number): FixedValues {
  const count = Math.floor((bytes.length - at) / width);
  const values = fixedValues(count, width);
  for (let k = 0; k < width; k++)
    for (let i = 0; i < count; i++) values.bytes[i * width + k] = bytes[at + k * count + i]!;
  return values;
}

function bitWidth(most: number): number {
  return 32 - Math.clz32(most);
}

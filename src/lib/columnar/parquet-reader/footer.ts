import type { ByteSource } from './byte-source.js';
import { ParquetMalformed, ParquetUnsupported } from './malformed.js';
import {
  bytesIn,
  listIn,
  numberIn,
  sizeIn,
  structIn,
  structsIn,
  textIn,
  ThriftReader,
  type ThriftStruct,
} from './thrift-reader.js';

/** A node of the schema, before its children. */
export interface SchemaElement {
  readonly name: string;
  /** Undefined where it has children. */
  readonly physical: number | undefined;
  readonly width: number | undefined;
  /** 0: there is exactly one; 1: one or none; 2: any number. */
  readonly repetition: number;
  readonly children: number;
  readonly converted: number | undefined;
  readonly scale: number;
  readonly precision: number;
  readonly logical: ThriftStruct | undefined;
}

export interface Place {
  readonly offset: number;
  readonly length: number;
}

/** A leaf's values in one row group. */
export interface FooterChunk {
  readonly physical: number;
  readonly encodings: readonly number[];
  readonly codec: number;
  /** With those that are null. */
  readonly values: number;
  readonly uncompressedBytes: number;
  /** Where its pages are. */
  readonly place: Place;
  readonly dictionaryOffset: number | undefined;
  readonly nulls: number | undefined;
  /** In the form of PLAIN, as the writer gave them. */
  readonly min: Buffer | undefined;
  readonly max: Buffer | undefined;
  /** Whether they are values, and not only at or beyond all values. */
  readonly isExact: boolean;
  readonly columnIndex: Place | undefined;
  readonly offsetIndex: Place | undefined;
}

export interface FooterGroup {
  readonly rows: number;
  readonly chunks: readonly FooterChunk[];
}

/** What stands behind the rows of a file, as it is written there. */
export interface Footer {
  readonly elements: readonly SchemaElement[];
  readonly rows: number;
  readonly groups: readonly FooterGroup[];
  readonly createdBy: string;
  readonly metadata: ReadonlyMap<string, string>;
}

const magic = 'PAR1';
const encryptedMagic = 'PARE';
/** Most footers are shorter: read at once with their length. */
const firstRead = 64 * 1024;

/** @throws ParquetMalformed, ParquetUnsupported */
export async function readFooter(source: ByteSource): Promise<Footer> {
  const { size } = source;
  if (size < 12) throw new ParquetMalformed(`it has ${size} bytes only`);
  const tail = await source.read(Math.max(0, size - firstRead), Math.min(size, firstRead));
  const ending = tail.toString('latin1', tail.length - 4);
  if (ending === encryptedMagic) throw new ParquetUnsupported('encryption');
  if (ending !== magic) throw new ParquetMalformed(`it does not end with ${magic}`);
  const length = tail.readUInt32LE(tail.length - 8);
  if (length > size - 12)
    throw new ParquetMalformed(`its footer would have ${length} bytes, more than the file`);
  const bytes =
    length + 8 <= tail.length
      ? tail.subarray(tail.length - 8 - length, tail.length - 8)
      : await source.read(size - 8 - length, length);
  return parseFooter(new ThriftReader(bytes).struct(), size);
}

/* Numbers of fields are those of parquet.thrift.
   https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift */

function parseFooter(file: ThriftStruct, size: number): Footer {
  const groups = structsIn(file, 4).map((group) => ({
    rows: sizeIn(group, 3),
    chunks: structsIn(group, 1).map((chunk) => parseChunk(chunk, size)),
  }));
  const metadata = structsIn(file, 5).map(
    (entry) => [textIn(entry, 1) ?? '', textIn(entry, 2) ?? ''] as const,
  );
  return {
    elements: structsIn(file, 2).map(parseElement),
    rows: sizeIn(file, 3),
    groups,
    createdBy: textIn(file, 6) ?? '',
    metadata: new Map(metadata),
  };
}

function parseElement(element: ThriftStruct): SchemaElement {
  const logical = structIn(element, 10);
  const decimal = logical && structIn(logical, 5);
  return {
    name: textIn(element, 4) ?? '',
    physical: numberIn(element, 1),
    width: numberIn(element, 2),
    repetition: numberIn(element, 3) ?? 0,
    children: element[5] === undefined ? 0 : sizeIn(element, 5),
    converted: numberIn(element, 6),
    scale: (decimal && numberIn(decimal, 1)) ?? numberIn(element, 7) ?? 0,
    precision: (decimal && numberIn(decimal, 2)) ?? numberIn(element, 8) ?? 0,
    logical,
  };
}

function parseChunk(chunk: ThriftStruct, size: number): FooterChunk {
  if (chunk[1] !== undefined) throw new ParquetUnsupported('columns in other files');
  const meta = structIn(chunk, 3);
  if (!meta) throw new ParquetUnsupported('encrypted columns');
  const dataOffset = sizeIn(meta, 9);
  const dictionaryOffset = meta[11] === undefined ? undefined : sizeIn(meta, 11);
  // Some writers say 0 where there is no dictionary.
  const offset = dictionaryOffset ? Math.min(dictionaryOffset, dataOffset) : dataOffset;
  const statistics = structIn(meta, 12);
  return {
    physical: sizeIn(meta, 1),
    encodings: listIn(meta, 2).filter((encoding) => typeof encoding === 'number'),
    codec: sizeIn(meta, 4),
    values: sizeIn(meta, 5),
    uncompressedBytes: sizeIn(meta, 6),
    place: within({ offset, length: sizeIn(meta, 7) }, size),
    dictionaryOffset: dictionaryOffset ? dictionaryOffset : undefined,
    nulls: statistics && numberIn(statistics, 3),
    // Fields 1 and 2 are of writers that did not say in which order they are least and greatest.
    min: statistics && bytesIn(statistics, 6),
    max: statistics && bytesIn(statistics, 5),
    isExact: statistics?.[7] !== false && statistics?.[8] !== false,
    columnIndex: placeIn(chunk, 6, size),
    offsetIndex: placeIn(chunk, 4, size),
  };
}

function placeIn(chunk: ThriftStruct, id: number, size: number): Place | undefined {
  if (chunk[id] === undefined || chunk[id + 1] === undefined) return undefined;
  return within({ offset: sizeIn(chunk, id), length: sizeIn(chunk, id + 1) }, size);
}

function within(place: Place, size: number): Place {
  if (place.offset + place.length > size) throw new ParquetMalformed('a column would lie beyond its end');
  return place;
}

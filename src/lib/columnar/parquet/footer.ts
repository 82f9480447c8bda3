import { type Bounds, compareValues } from '../bounds.js';
import type { Schema } from '../type.js';
import type { Chunk, Page } from './column-chunk.js';
import { countSchemaElements, encodings, pageTypes, physicalType, writeSchemaElements } from './format.js';
import type { Leaf } from './leaf.js';
import type { ThriftWriter } from './thrift.js';

/** Bytes of a file. */
export interface Place {
  readonly offset: number;
  readonly length: number;
}

/** A chunk, and where it is and its indexes are. */
export interface PlacedChunk {
  readonly chunk: Chunk;
  readonly offset: number;
  readonly columnIndex: Place | undefined;
  readonly offsetIndex: Place;
}

export interface Footer {
  readonly schema: Schema;
  readonly leaves: readonly Leaf[];
  readonly rows: number;
  /** As `writeRowGroup` has written them. */
  readonly groups: readonly Buffer[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly createdBy: string;
}

export function writeFooter(thrift: ThriftWriter, footer: Footer): void {
  const { schema, leaves, rows, groups, metadata, createdBy } = footer;
  thrift.struct(() => {
    thrift.i32(1, 2);
    const elements = schema.reduce((sum, field) => sum + countSchemaElements(field), 1);
    thrift.listOf(2, 'struct', elements, () => {
      thrift.struct(() => {
        thrift.binary(4, 'schema');
        thrift.i32(5, schema.length);
      });
      for (const field of schema) writeSchemaElements(thrift, field);
    });
    thrift.i64(3, rows);
    thrift.list(4, 'struct', groups, (group) => thrift.raw(group));
    const entries = Object.entries(metadata);
    if (entries.length > 0)
      thrift.list(5, 'struct', entries, ([key, value]) =>
        thrift.struct(() => {
          thrift.binary(1, key);
          thrift.binary(2, value);
        }),
      );
    thrift.binary(6, createdBy);
    // The order of each column is that of its type.
    thrift.list(7, 'struct', leaves, () => thrift.struct(() => thrift.structField(1, () => {})));
  });
}

export function writeRowGroup(
  thrift: ThriftWriter,
  chunks: readonly PlacedChunk[],
  rows: number,
  codec: number,
): void {
  const sum = (bytesOf: (chunk: Chunk) => number) =>
    chunks.reduce((total, { chunk }) => total + bytesOf(chunk), 0);
  thrift.struct(() => {
    thrift.list(1, 'struct', chunks, (chunk) => writeChunk(thrift, chunk, codec));
    thrift.i64(
      2,
      sum(({ uncompressedBytes }) => uncompressedBytes),
    );
    thrift.i64(3, rows);
    thrift.i64(5, chunks[0]!.offset);
    thrift.i64(
      6,
      sum(({ bytes }) => bytes),
    );
  });
}

function writeChunk(
  thrift: ThriftWriter,
  { chunk, offset, columnIndex, offsetIndex }: PlacedChunk,
  codec: number,
): void {
  const { leaf, dictionaryBytes, bounds, encoding } = chunk;
  const hasDictionary = dictionaryBytes > 0;
  thrift.struct(() => {
    thrift.i64(2, offset);
    thrift.structField(3, () => {
      thrift.i32(1, physicalType(leaf.type));
      // Those of the dictionary, the levels and the values.
      const used = new Set([...(hasDictionary ? [encodings.plain] : []), encodings.rle, encoding]);
      thrift.list(2, 'i32', [...used], (each) => thrift.zigzag(each));
      thrift.list(3, 'binary', leaf.path, (name) => thrift.binaryValue(name));
      thrift.i32(4, codec);
      thrift.i64(5, chunk.values);
      thrift.i64(6, chunk.uncompressedBytes);
      thrift.i64(7, chunk.bytes);
      thrift.i64(9, offset + dictionaryBytes);
      if (hasDictionary) thrift.i64(11, offset);
      thrift.structField(12, () => writeChunkStatistics(thrift, chunk.nulls, bounds));
      // parquet-java looks into dictionaries only where it knows that there are no other values.
      if (chunk.isDictionaryConclusive)
        thrift.list(
          13,
          'struct',
          [
            ...(hasDictionary ? [[pageTypes.dictionary, encodings.plain, 1] as const] : []),
            [pageTypes.data, encoding, chunk.pages.length] as const,
          ],
          ([type, of, count]) =>
            thrift.struct(() => {
              thrift.i32(1, type);
              thrift.i32(2, of);
              thrift.i32(3, count);
            }),
        );
    });
    thrift.i64(4, offsetIndex.offset);
    thrift.i32(5, offsetIndex.length);
    if (!columnIndex) return;
    thrift.i64(6, columnIndex.offset);
    thrift.i32(7, columnIndex.length);
  });
}

function writeChunkStatistics(thrift: ThriftWriter, nulls: number, bounds: Bounds | undefined): void {
  thrift.i64(3, nulls);
  if (!bounds) return;
  thrift.binary(5, bounds.max);
  thrift.binary(6, bounds.min);
  thrift.boolean(7, bounds.isExact);
  thrift.boolean(8, bounds.isExact);
}

/** @returns false when a page's bounds are unknown: then there is no index at all */
export function writeColumnIndex(thrift: ThriftWriter, { leaf, pages }: Chunk): boolean {
  if (pages.some(({ bounds, nulls, values }) => !bounds && nulls < values)) return false;
  const none = new Uint8Array();
  thrift.struct(() => {
    thrift.list(1, 'boolean', pages, ({ bounds }) => thrift.booleanValue(!bounds));
    thrift.list(2, 'binary', pages, ({ bounds }) => thrift.binaryValue(bounds?.min ?? none));
    thrift.list(3, 'binary', pages, ({ bounds }) => thrift.binaryValue(bounds?.max ?? none));
    thrift.i32(4, boundaryOrder(leaf, pages));
    thrift.list(5, 'i64', pages, ({ nulls }) => thrift.zigzag(nulls));
  });
  return true;
}

/** 1: bounds rise from page to page, 2: they fall, 0: neither. */
function boundaryOrder({ type }: Leaf, pages: readonly Page[]): number {
  const known = pages.flatMap(({ bounds }) => bounds ?? []);
  const inOrder = (sign: 1 | -1) =>
    known.every((bounds, i) => {
      const before = known[i - 1];
      return (
        !before ||
        (sign * compareValues(type, before.min, bounds.min) <= 0 &&
          sign * compareValues(type, before.max, bounds.max) <= 0)
      );
    });
  return inOrder(1) ? 1 : inOrder(-1) ? 2 : 0;
}

/** @param offset of the chunk */
export function writeOffsetIndex(thrift: ThriftWriter, { pages }: Chunk, offset: number): void {
  thrift.struct(() => {
    thrift.list(1, 'struct', pages, (page) =>
      thrift.struct(() => {
        thrift.i64(1, offset + page.offset);
        thrift.i32(2, page.compressedBytes);
        thrift.i64(3, page.firstRow);
      }),
    );
  });
}

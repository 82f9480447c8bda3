import type { ScalarType } from '../type.js';
import type { ValueBounds } from '../where/value-bounds.js';
import { readBounds } from './bounds.js';
import type { ByteSource } from './byte-source.js';
import type { FooterChunk } from './footer.js';
import { ParquetMalformed } from './malformed.js';
import { listIn, sizeIn, structsIn, ThriftReader } from './thrift-reader.js';

/** Where a page begins. */
export interface PagePlace {
  /** Of its header. */
  readonly offset: number;
  readonly firstRow: number;
}

/** The places of a leaf's pages in one row group; undefined where the file does not say. @throws ParquetMalformed */
export async function readPagePlaces(
  source: ByteSource,
  { offsetIndex, place }: FooterChunk,
  rows: number,
): Promise<readonly PagePlace[] | undefined> {
  if (!offsetIndex) return undefined;
  const bytes = await source.read(offsetIndex.offset, offsetIndex.length);
  const pages = structsIn(new ThriftReader(bytes).struct(), 1).map((page) => ({
    offset: sizeIn(page, 1),
    firstRow: sizeIn(page, 3),
  }));
  for (const [i, { offset, firstRow }] of pages.entries()) {
    const isWithin = offset >= place.offset && offset < place.offset + place.length;
    const isAfter = i === 0 ? firstRow === 0 : firstRow > pages[i - 1]!.firstRow;
    if (!isWithin || !isAfter || firstRow >= rows)
      throw new ParquetMalformed('the index of its pages is wrong');
  }
  return pages.length === 0 ? undefined : pages;
}

/** What values each page of a leaf may have; undefined where the file does not say. @throws ParquetMalformed */
export async function readPageBounds(
  source: ByteSource,
  { columnIndex }: FooterChunk,
  type: ScalarType,
  pages: number,
  mayHaveNaN: boolean,
): Promise<readonly ValueBounds[] | undefined> {
  if (!columnIndex) return undefined;
  const struct = new ThriftReader(await source.read(columnIndex.offset, columnIndex.length)).struct();
  const [isNull, mins, maxs, nulls] = [1, 2, 3, 5].map((id) => listIn(struct, id));
  if (isNull!.length !== pages || mins!.length !== pages || maxs!.length !== pages)
    throw new ParquetMalformed('the index of its pages is wrong');
  return isNull!.map((allNull, i) => {
    if (allNull === true)
      return { hasNulls: true, hasValues: false, min: undefined, max: undefined, mayHaveNaN };
    const count = nulls![i];
    const [min, max] = [mins![i], maxs![i]];
    return {
      ...readBounds(type, Buffer.isBuffer(min) ? min : undefined, Buffer.isBuffer(max) ? max : undefined),
      hasNulls: count === undefined || count !== 0,
      hasValues: true,
      mayHaveNaN,
    };
  });
}

/** What values a leaf may have in a row group. */
export function chunkBounds(
  { min, max, nulls, values }: FooterChunk,
  type: ScalarType,
  mayHaveNaN: boolean,
): ValueBounds {
  return {
    mayHaveNaN,
    ...readBounds(type, min, max),
    hasNulls: nulls === undefined || nulls > 0,
    hasValues: nulls === undefined || nulls < values,
  };
}

import { setImmediate } from 'node:timers/promises';

import { Batch, type Column } from '../batch.js';
import type { Field, ScalarType, Schema } from '../type.js';
import { matchingRows } from '../where/evaluate.js';
import { columnsOf, type Predicate } from '../where/predicate.js';
import { canMatch } from '../where/prune.js';
import type { ValueBounds } from '../where/value-bounds.js';
import { isSameScalar } from '../wider-type.js';
import { type ByteSource, openFile } from './byte-source.js';
import { type Constant, constantBounds, fillConstant } from './constant.js';
import { FieldCursor } from './field-cursor.js';
import { type FileField, fileSchema } from './file-schema.js';
import { type Footer, type FooterGroup, readFooter } from './footer.js';
import { LeafCursor } from './leaf-cursor.js';
import { ParquetMalformed, unreadableParquet } from './malformed.js';
import { chunkBounds, type PagePlace, readPageBounds, readPagePlaces } from './page-index.js';
import { PageReader } from './page-reader.js';
import { widening } from './widen.js';

export interface ReadOptions {
  /** What is read, in this order: columns of the file by their names, widened where the type is wider. Those that it lacks are null. */
  readonly fields: Schema;
  /** Of `fields`. */
  readonly where?: Predicate;
  /** What fields without parts have in every row, whatever the file says. */
  readonly constants?: ReadonlyMap<string, Constant>;
  readonly signal?: AbortSignal;
}

/** Some rows. They are used again: valid until the next ones are asked for. */
export interface ReadRows {
  /** Its columns are the fields. */
  readonly batch: Batch;
  /** Those that are meant, ascending; undefined: all. */
  readonly rows: Int32Array | undefined;
}

/** How many bytes the values of a batch take. */
const batchBytes = 8 * 1024 * 1024;
const mostRows = 4096;

/** A Parquet file that is open. */
export class ParquetFile {
  readonly schema: readonly FileField[];
  /** Whether a float's bounds say nothing of NaN. */
  readonly #mayHaveNaN: boolean;

  /** @throws UserError `PARQUET_MALFORMED`, `PARQUET_UNSUPPORTED` */
  static async open(source: ByteSource): Promise<ParquetFile> {
    try {
      return new ParquetFile(source, await readFooter(source));
    } catch (error) {
      throw unreadableParquet(source.name, error);
    }
  }

  private constructor(
    readonly source: ByteSource,
    readonly footer: Footer,
  ) {
    this.schema = fileSchema(footer.elements);
    const leaves = this.schema.reduce((sum, field) => sum + field.leaves.length, 0);
    let rows = 0;
    for (const group of footer.groups) {
      if (group.chunks.length !== leaves) throw new ParquetMalformed('a row group lacks columns');
      rows += group.rows;
    }
    if (rows !== footer.rows) throw new ParquetMalformed('its row groups have not as many rows as it says');
    this.#mayHaveNaN = !footer.createdBy.startsWith('metrify ');
  }

  /** @throws UserError `PARQUET_MALFORMED`, `PARQUET_UNSUPPORTED` */
  async *batches(options: ReadOptions): AsyncGenerator<ReadRows, void, undefined> {
    try {
      const batch = new Batch(options.fields, 64);
      for (const group of this.footer.groups) {
        const ranges = await this.#candidates(group, options);
        if (ranges.length === 0) continue;
        yield* this.#rowsOf(group, ranges, batch, options);
      }
    } catch (error) {
      throw unreadableParquet(this.source.name, error);
    }
  }

  async *#rowsOf(
    group: FooterGroup,
    ranges: readonly RowRange[],
    batch: Batch,
    { fields, where, constants, signal }: ReadOptions,
  ): AsyncGenerator<ReadRows, void, undefined> {
    const tested = new Set(where ? columnsOf(where) : []);
    const columns: ColumnRows[] = [];
    for (const field of fields) columns.push(await this.#openField(field, group, constants));
    const step = this.#rowsAtOnce(group, fields);
    for (const { from, to } of ranges)
      for (let at = from; at < to; at += step) {
        signal?.throwIfAborted();
        // Reading from what was read ahead does not wait: others have a turn.
        await setImmediate();
        const count = Math.min(step, to - at);
        batch.clear();
        batch.rows = count;
        for (const i of tested) await columns[i]!(at, count, batch.columns[i]!);
        const rows = where && matchingRows(where, batch);
        if (rows?.length === 0) continue;
        for (const [i, read] of columns.entries())
          if (!tested.has(i)) await read(at, count, batch.columns[i]!);
        yield { batch, rows: rows?.length === count ? undefined : rows };
      }
  }

  async #openField(
    field: Field,
    group: FooterGroup,
    constants: ReadOptions['constants'],
  ): Promise<ColumnRows> {
    const constant = constants?.get(field.name);
    const found = constant === undefined ? this.#field(field) : undefined;
    if (!found)
      return (_, count, column) => {
        fillConstant(column, constant ?? null, count);
        return Promise.resolve();
      };
    const widen = widening(found, field);
    const leaves = [];
    for (const [i, leaf] of found.leaves.entries()) {
      const chunk = group.chunks[leaf.index]!;
      if (chunk.physical !== leaf.shape.physical) throw new ParquetMalformed('a column is of another type');
      const convert = widen(i, leaf.convert);
      const places = await readPagePlaces(this.source, chunk, group.rows);
      const reader = new PageReader(this.source, chunk, leaf.shape, convert);
      leaves.push({ leaf, cursor: new LeafCursor(reader, places) });
    }
    const cursor = new FieldCursor(leaves);
    return (from, count, column) => cursor.read(from, count, column);
  }

  #field({ name }: Field): FileField | undefined {
    return this.schema.find((field) => field.name === name);
  }

  #rowsAtOnce({ rows, chunks }: FooterGroup, fields: Schema): number {
    let bytes = 0;
    for (const field of fields)
      for (const { index } of this.#field(field)?.leaves ?? []) bytes += chunks[index]!.uncompressedBytes;
    const each = Math.max(1, bytes / Math.max(1, rows));
    return Math.max(1, Math.min(mostRows, Math.floor(batchBytes / each)));
  }

  /** Rows of a group of which the condition may be true, by what is known of the group and of its pages. */
  async #candidates(
    group: FooterGroup,
    { fields, where, constants }: ReadOptions,
  ): Promise<readonly RowRange[]> {
    const whole = { from: 0, to: group.rows };
    if (group.rows === 0) return [];
    if (!where) return [whole];
    const known = new Map<number, ValueBounds>();
    const leaves = new Map<
      number,
      { readonly chunk: FooterGroup['chunks'][number]; readonly type: ScalarType }
    >();
    for (const i of columnsOf(where)) {
      const field = fields[i]!;
      const constant = constants?.get(field.name);
      const found = constant === undefined ? this.#field(field) : undefined;
      if (!found) known.set(i, constantBounds(constant ?? null, field.type));
      // A leaf within a list or a record says nothing of those: it has no value for an empty list, which is not null.
      else if (isSameScalar(found.type, field.type) && !found.leaves[0]!.convert) {
        const chunk = group.chunks[found.leaves[0]!.index]!;
        const type = found.type as ScalarType;
        known.set(i, chunkBounds(chunk, type, this.#mayHaveNaN));
        leaves.set(i, { chunk, type });
      }
    }
    if (!canMatch(where, (i) => known.get(i))) return [];
    const pages = new Map<number, PageBounds>();
    for (const [i, { chunk, type }] of leaves) {
      const places = await readPagePlaces(this.source, chunk, group.rows);
      if (!places || places.length === 1) continue;
      const bounds = await readPageBounds(this.source, chunk, type, places.length, this.#mayHaveNaN);
      if (bounds) pages.set(i, { places, bounds });
    }
    if (pages.size === 0) return [whole];
    return rangesWithin(group.rows, pages, (boundsOf) => canMatch(where, (i) => boundsOf(i) ?? known.get(i)));
  }
}

/** Opens a file as long as something is done with it. @throws UserError exit 2 */
export async function withParquetFile<T>(
  path: string,
  use: (file: ParquetFile) => T | Promise<T>,
): Promise<T> {
  const source = await openFile(path);
  try {
    return await use(await ParquetFile.open(source));
  } finally {
    await source.close();
  }
}

/** Fills an empty column with rows of a row group. */
type ColumnRows = (from: number, count: number, column: Column) => Promise<void>;

/** From a row on, before another. */
interface RowRange {
  readonly from: number;
  readonly to: number;
}

interface PageBounds {
  readonly places: readonly PagePlace[];
  readonly bounds: readonly ValueBounds[];
}

/** Asks of each part of the rows that no page of these columns divides, and joins neighbours. */
function rangesWithin(
  rows: number,
  pages: ReadonlyMap<number, PageBounds>,
  isCandidate: (boundsOf: (column: number) => ValueBounds | undefined) => boolean,
): RowRange[] {
  const starts = new Set<number>();
  for (const { places } of pages.values()) for (const { firstRow } of places) starts.add(firstRow);
  const sorted = [...starts].sort((a, b) => a - b);
  const at = new Map([...pages.keys()].map((column) => [column, 0]));
  const ranges: { from: number; to: number }[] = [];
  for (const [i, from] of sorted.entries()) {
    const to = sorted[i + 1] ?? rows;
    for (const [column, { places }] of pages)
      while ((places[at.get(column)! + 1]?.firstRow ?? Infinity) <= from) at.set(column, at.get(column)! + 1);
    if (!isCandidate((column) => pages.get(column)?.bounds[at.get(column)!])) continue;
    const last = ranges.at(-1);
    if (last?.to === from) last.to = to;
    else ranges.push({ from, to });
  }
  return ranges;
}

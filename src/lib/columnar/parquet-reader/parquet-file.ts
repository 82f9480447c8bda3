import { setImmediate } from 'node:timers/promises';

import { Batch, type Column } from '../batch.js';
import type { BytesColumn } from '../bytes-column.js';
import type { Field, ScalarType, Schema } from '../type.js';
import { matchingRows } from '../where/evaluate.js';
import { columnsOf, type Predicate } from '../where/predicate.js';
import { canMatch } from '../where/prune.js';
import type { ValueBounds } from '../where/value-bounds.js';
import type { ByteSource } from './byte-source.js';
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
  /** Texts that fields have in every row, whatever the file says; null too. */
  readonly constants?: ReadonlyMap<string, string | null>;
  readonly signal?: AbortSignal;
}

/** Some rows. They are used again: valid until the next ones are asked for. */
export interface ReadRows {
  /** Its columns are the fields. */
  readonly batch: Batch;
  /** Those that are meant, ascending; undefined: all. */
  readonly rows: Int32Array | undefined;
}

/** Values of a batch take so many bytes. */
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

  get rows(): number {
    return this.footer.rows;
  }

  /** @throws UserError `PARQUET_MALFORMED`, `PARQUET_UNSUPPORTED`, `SCHEMA_MIXED` */
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
    const text = constants?.get(field.name);
    if (typeof text === 'string') return constantRows(Buffer.from(text));
    const found = text === null ? undefined : this.#field(field);
    if (!found) return nullRows;
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
      const text = constants?.get(field.name);
      const found = text === undefined ? this.#field(field) : undefined;
      if (!found) known.set(i, constantBounds(text ?? null));
      // A leaf within a list or a record says nothing of those: it has no value for an empty list, which is not null.
      else if ('meaning' in found.type && isSame(found.type, field.type) && !found.leaves[0]!.convert) {
        const chunk = group.chunks[found.leaves[0]!.index]!;
        const { type } = found;
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

export function constantBounds(text: string | null): ValueBounds {
  const bytes = text === null ? undefined : Buffer.from(text);
  return { hasNulls: text === null, hasValues: text !== null, min: bytes, max: bytes, mayHaveNaN: false };
}

function constantRows(text: Buffer): ColumnRows {
  return (_, count, column) => {
    const out = column as BytesColumn;
    out.reserve(count);
    for (let i = 0; i < count; i++) out.add(text, 0, text.length);
    return Promise.resolve();
  };
}

const nullRows: ColumnRows = (_, count, column) => {
  for (let row = 0; row < count; row++) column.presence.addNull(row);
  return Promise.resolve();
};

function isSame(a: Field['type'], b: Field['type']): boolean {
  return a.storage === b.storage && JSON.stringify(a) === JSON.stringify(b);
}

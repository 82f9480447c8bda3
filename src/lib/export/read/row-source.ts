import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';

import { cellJson } from '../../columnar/cell-json.js';
import { type Cell, cellsOf } from '../../columnar/cells.js';
import type { Type } from '../../columnar/type.js';
import { type ByteString, toBytes } from '../../core/bytes.js';
import { columnIndex } from '../../sources/columns.js';
import { memberText } from '../../sources/json-members.js';
import { jsonString, objectWriter } from '../../sources/json-text.js';
import { isoTimestamp, isoTimestamptz } from '../../sources/postgres-values.js';
import type {
  ReadOptions,
  RowBatch,
  RowSource,
  SourceIdentity,
  SourcePosition,
} from '../../sources/row-source.js';
import type { ReadableDataset } from './open-dataset.js';
import { readBatches } from './read-batches.js';

/** Each column's value as JSON. */
export type DatasetRow = readonly ByteString[];

const usualRows = 2048;

/**
 * The rows of a dataset, file by file, in constant memory. Numbers keep every digit, and times are ISO 8601, of UTC where they have
 * no zone.
 */
export async function datasetRows(dataset: ReadableDataset): Promise<RowSource<DatasetRow>> {
  const { schema, name, manifest } = dataset;
  const names = schema.map((field) => field.name);
  const keys = names.map(toBytes);
  const before = keys.map((key, i) => `${i === 0 ? '{' : ','}${jsonString(key)}:`);
  return {
    identity: await identityOf(dataset),
    label: name,
    columns: names.map((each) => ({ name: each })),
    estimatedRows: manifest?.files.reduce((sum, { rows }) => sum + rows, 0),
    rereadable: true,
    column(column) {
      const index = columnIndex(column, names, name);
      return (row) => memberText(row[index]!);
    },
    json: objectWriter(before, (row, i) => row[i]!, '}'),
    fields: (row) =>
      keys.flatMap((key, i) => {
        const text = memberText(row[i]!);
        return text === null ? [] : [key, text];
      }),
    members: (row, visit) => keys.forEach((key, i) => visit(jsonString(key), row[i]!)),
    batches: (options) => batches(dataset, options),
    close: async () => {},
  };
}

async function* batches(
  dataset: ReadableDataset,
  { signal, from, maxRows = usualRows }: ReadOptions,
): AsyncGenerator<RowBatch<DatasetRow>> {
  const position: SourcePosition = { rows: 0 };
  let skip = from?.rows ?? 0;
  for await (const { batch } of readBatches(dataset, { signal })) {
    signal.throwIfAborted();
    const cells = batch.schema.map(({ type }, i) => cellsOf(batch.columns[i]!, type, batch.rows));
    const begin = Math.min(skip, batch.rows);
    skip -= begin;
    position.rows += begin;
    for (let at = begin; at < batch.rows; at += maxRows) {
      const end = Math.min(batch.rows, at + maxRows);
      const rows: DatasetRow[] = [];
      for (let row = at; row < end; row++)
        rows.push(batch.schema.map(({ type }, i) => toBytes(valueJson(cells[i]!(row), type))));
      position.rows += rows.length;
      yield { rows, rejected: [], position: { ...position } };
    }
  }
}

function valueJson(cell: Cell, type: Type): string {
  if (cell === null) return 'null';
  if (type.storage === 'list')
    return `[${(cell as readonly Cell[]).map((each) => valueJson(each, type.element)).join(',')}]`;
  if (type.storage === 'struct') {
    const parts = cell as { readonly [field: string]: Cell };
    return `{${type.fields.map((field) => `${JSON.stringify(field.name)}:${valueJson(parts[field.name]!, field.type)}`).join(',')}}`;
  }
  const { meaning } = type;
  if (meaning.kind !== 'timestamp' && meaning.kind !== 'timestamp96') return cellJson(cell, type);
  const iso = meaning.isInstant ? isoTimestamptz : isoTimestamp;
  return `"${iso(cell as ByteString)}"`;
}

/** A file that was written again is another one. */
async function identityOf({ name, files }: ReadableDataset): Promise<SourceIdentity> {
  const hash = createHash('sha256');
  for (const { path, absolute } of files) {
    const { size, mtimeMs } = await stat(absolute);
    hash.update(`${path}\0${size}\0${mtimeMs}\n`);
  }
  return { kind: 'dataset', path: name, files: files.length, sha256: hash.digest('hex') };
}

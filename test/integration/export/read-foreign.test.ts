import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { cellJson, cellText } from '../../../src/lib/columnar/cell-json.js';
import { cellsOf } from '../../../src/lib/columnar/cells.js';
import { openDataset } from '../../../src/lib/export/read/open-dataset.js';
import { readBatches } from '../../../src/lib/export/read/read-batches.js';
import { type Lake, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory } from '../../servers/process.js';

/** Columns as DuckDB makes them of the row number `i`; nested ones are compared as JSON. */
const columns: Readonly<Record<string, string>> = {
  truth: 'i % 3 = 0',
  tiny: '(i % 256 - 128)::tinyint',
  small: '(i * 7 % 65536 - 32768)::smallint',
  word: '((hash(i) % 4294967296)::bigint - 2147483648)::integer',
  long: '(hash(i) % 9223372036854775807)::bigint * (case when i % 2 = 0 then 1 else -1 end)',
  rising: '(i * 1000003)::bigint',
  u8: '(i % 256)::utinyint',
  u16: '(i * 7 % 65536)::usmallint',
  u32: '(hash(i) % 4294967296)::uinteger',
  u64: 'hash(i)::ubigint',
  single: "(case when i % 11 = 0 then 'nan' else (i * 0.1)::varchar end)::float",
  double: 'sin(i) * 1e10',
  few: '(i % 5 * 0.25)::double',
  decimal4: '(i % 1000 / 10.0)::decimal(4,1)',
  decimal9: '(i * 3.07 - 400)::decimal(9,2)',
  decimal18: '(hash(i) % 10000000000 / 7)::decimal(18,4)',
  decimal38: "((hash(i)::varchar || '12345678.0123456789'))::decimal(38,10)",
  word_of: "['alpha', 'beta', 'gämma', '']['1234'[(i % 4 + 1)::int]::int]",
  unique_text: "md5(i::varchar) || repeat('é', (i % 9)::int)",
  prefix: "'device/' || lpad(i::varchar, 8, '0')",
  raw: 'unhex(md5(i::varchar))',
  day: "date '1900-01-01' + (i * 37 % 90000)::int",
  clock: "time '00:00:00' + to_microseconds((hash(i) % 86400000000)::bigint)",
  moment: "timestamp '1960-01-01' + to_microseconds((hash(i) % 4000000000000000)::bigint)",
  instant: "timestamptz '1960-01-01 00:00:00+00' + to_microseconds((hash(i) % 4000000000000000)::bigint)",
  millis: "(timestamp '2026-01-01' + to_milliseconds(i))::timestamp_ms",
  id: 'md5(i::varchar)::uuid',
  mood: "(['sad', 'ok', 'happy'][(i % 3 + 1)::int])::enum('sad', 'ok', 'happy')",
};
const nested: Readonly<Record<string, string>> = {
  numbers: '[x for x in range(i % 4)]',
  grid: '[[x, null] for x in range(i % 3)]',
  record: "{'a': i, 'b': case when i % 4 = 0 then null else [i::varchar] end, 'c': {'d': i % 2 = 0}}",
  records: "[{'x': x, 'y': 'v' || x} for x in range(i % 3)]",
  pairs: "map([('k' || i % 3)], [i])",
};
const rows = 3000;

needs('lake')('files of DuckDB', () => {
  let lake: Lake;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

  beforeAll(async () => {
    lake = await openLake();
    directory = await temporaryDirectory('read-foreign');
    const nullable = (sql: string, name: string) =>
      `case when hash(i, '${name}') % 9 = 0 then null else ${sql} end`;
    const all = Object.entries({ ...columns, ...nested });
    await lake.duckdb(
      `create table source as select ${all.map(([name, sql]) => `${nullable(sql, name)} as "${name}"`).join(', ')} from range(${rows}) r(i)`,
      'select 1',
    );
  });
  afterAll(async () => {
    await lake?.close();
    await directory?.remove();
  });

  it.each([
    ['snappy', 'v1'],
    ['zstd', 'v2'],
    ['gzip', 'v1'],
    ['brotli', 'v2'],
    ['lz4_raw', 'v1'],
    ['uncompressed', 'v2'],
  ])('compressed as %s, pages %s', async (codec, version) => {
    const path = join(directory.path, `${codec}.parquet`);
    await lake.duckdb(
      `copy source to '${path}' (format parquet, codec '${codec}', parquet_version '${version}', row_group_size 2048)`,
      'select 1',
    );
    const scalars = Object.keys(columns).map((name) =>
      name === 'raw' ? `'\\x' || lower(hex("${name}"))` : `"${name}"::varchar`,
    );
    const parts = Object.keys(nested).map((name) => `to_json("${name}")::varchar`);
    const right = await lake.duckdb(`select ${[...scalars, ...parts].join(', ')} from '${path}'`);

    const dataset = await openDataset(path);
    const names = [...Object.keys(columns), ...Object.keys(nested)];
    let row = 0;
    for await (const { batch } of readBatches(dataset, { columns: names })) {
      const cells = batch.columns.map((column, i) => cellsOf(column, batch.schema[i]!.type, batch.rows));
      for (let i = 0; i < batch.rows; i++, row++) {
        const found = names.map((name, c) => {
          const cell = cells[c]!(i);
          const { type } = batch.schema[c]!;
          if (cell === null) return null;
          return normal(name, name in nested ? cellJson(cell, type) : cellText(cell, type));
        });
        const expected = right.rows[row]!.map((text, c) => normal(names[c]!, text as string | null));
        if (!isDeepStrictEqual(found, expected)) expect(found, `row ${row}`).toEqual(expected);
      }
    }
    expect(row).toBe(rows);
  });
});

function normal(name: string, text: string | null): unknown {
  if (text === null) return null;
  if (name === 'single') return Math.fround(Number(text === 'nan' ? 'NaN' : text));
  if (name === 'double' || name === 'few') return Number(text);
  if (!(name in nested)) return text;
  // A map is a list of pairs here, and an object there.
  const value: unknown = JSON.parse(text);
  return name === 'pairs' && Array.isArray(value)
    ? Object.fromEntries((value as { key: string; value: unknown }[]).map((pair) => [pair.key, pair.value]))
    : value;
}

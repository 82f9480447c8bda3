import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { Batch } from '../../../src/lib/columnar/batch.js';
import { gather, placesOf } from '../../../src/lib/columnar/gather.js';
import { openCodec } from '../../../src/lib/columnar/parquet/codec.js';
import { ParquetFileWriter } from '../../../src/lib/columnar/parquet/file-writer.js';
import { Scratch } from '../../../src/lib/columnar/parquet/scratch.js';
import { bindWhere } from '../../../src/lib/columnar/where/bind.js';
import { openDataset } from '../../../src/lib/export/read/open-dataset.js';
import { readBatches } from '../../../src/lib/export/read/read-batches.js';
import { readRows } from '../../../src/lib/export/read/read-rows.js';
import { TemporaryFile } from '../../../src/lib/export/staged-file.js';
import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';
import { type Lake, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory } from '../../servers/process.js';
import { createdBy } from './written.js';

/** What each column of the file holds, and values that a condition may name, in SQL that both sides take. */
const columns: Readonly<Record<string, { readonly sql: string; readonly values: readonly string[] }>> = {
  id: { sql: 'i::bigint', values: ['0', '-1', '37', '2048', '2047.5', '5999', '1e3', '9223372036854775807'] },
  small: { sql: '(i % 100 - 50)::smallint', values: ['0', '-50', '49', '50', '-0.5', '12.0', '70000'] },
  money: {
    sql: '(i * 0.37 - 500)::decimal(12,2)',
    values: ['0', '-500', '12.34', '-129.63', '0.005', '99999999.99'],
  },
  big: {
    sql: "((i * 123456789)::varchar || '00000000000.01')::decimal(38,2)",
    values: ['0', '12345678900000000000.01', '-1'],
  },
  value: {
    sql: "case i % 7 when 0 then 'nan'::double when 1 then -0.0::double else (i - 22000) / 8.0 end",
    values: ['0', '-0.0', '0.5', '374.875', '-1e300', "'NaN'", "'Infinity'", '1000000'],
  },
  ratio: { sql: '(i % 16 / 10.0)::float', values: ['0.1', '1.5', '0', "'NaN'", '0.3'] },
  kind: {
    sql: "['app', 'apple', '', 'é', 'zz%_', 'it''s'][(i // 7500 + 1)::int]",
    values: ["''", "'app'", "'apple'", "'appl'", "'é'", "'it''s'", "'zz'", "'zzzz'"],
  },
  name: {
    sql: "'n' || lpad(i::varchar, 5, '0') || repeat('é', 40)",
    values: ["'n'", "'n03000'", "'n9'", "'z'", "'n02999' "],
  },
  day: {
    sql: "date '2026-01-01' + (i // 70)::int",
    values: ["'2026-01-01'", "'2026-12-31'", "'2027-08-23'", "'1969-01-01'"],
  },
  moment: {
    sql: "timestamp '2026-01-01' + to_seconds(i * 9)",
    values: [
      "'2026-01-01'",
      "'2026-01-03 00:00:00.5'",
      "'2026-01-02 10:10:10'",
      "timestamp '2026-01-04 00:00:00'",
    ],
  },
  flag: { sql: 'i % 3 = 0', values: ['true', 'false'] },
};
/** So many that a column has several pages. */
const rows = 45_000;

const comparison = fc.constantFrom(...Object.entries(columns)).chain(([name, { values }]) => {
  const value = fc.constantFrom(...values);
  const operator = fc.constantFrom('=', '<>', '<', '<=', '>', '>=', '!=');
  const isText = name === 'kind' || name === 'name';
  return fc.oneof(
    fc.tuple(operator, value).map(([op, v]) => `${name} ${op} ${v}`),
    fc.tuple(operator, value).map(([op, v]) => `${v} ${op} ${name}`),
    fc
      .array(fc.oneof(value, fc.constant('null')), { minLength: 1, maxLength: 3 })
      .map((v) => `${name} in (${v.join(', ')})`),
    fc.tuple(value, value).map(([a, b]) => `${name} not between ${a} and ${b}`),
    fc.tuple(value, value).map(([a, b]) => `"${name}" between ${a} and ${b}`),
    fc.constantFrom(`${name} is null`, `${name} is not null`, `${name} = null`),
    ...(name === 'flag' ? [fc.constant(name)] : []),
    ...(name === 'value' || name === 'ratio' ? [fc.constant(`isnan(${name})`)] : []),
    ...(isText
      ? [
          fc
            .constantFrom("'app%'", "'%e'", "'_pp'", "'n01%'", "'n0299_é%'", "''", "'é'")
            .map((p) => `${name} like ${p}`),
        ]
      : []),
  );
});
const { condition } = fc.letrec<{ condition: string }>((tie) => ({
  condition: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    comparison,
    fc
      .tuple(tie('condition'), fc.constantFrom('and', 'or'), tie('condition'))
      .map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie('condition').map((part) => `not ${part}`),
  ),
}));

needs('lake')('conditions', () => {
  let lake: Lake;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;

  beforeAll(async () => {
    lake = await openLake();
    directory = await temporaryDirectory('read-where');
    const nullable = ([name, { sql }]: (typeof entries)[number]) =>
      `case when ${name === 'id' ? 'false' : `hash(i, '${name}') % 8 = 0 or i between 15000 and 26000`} then null else ${sql} end as "${name}"`;
    const entries = Object.entries(columns);
    await lake.duckdb(
      `create table source as select ${entries.map(nullable).join(', ')} from range(${rows}) r(i)`,
      'select 1',
    );
    await lake.duckdb(
      `copy source to '${file('duckdb')}' (format parquet, row_group_size 20480)`,
      'select 1',
    );
    await writeOurs(file('duckdb'), file('metrify'));
  });
  const file = (name: string) => join(directory.path, `${name}.parquet`);
  afterAll(async () => {
    await lake?.close();
    await directory?.remove();
  });

  it('are true of the rows that DuckDB finds', async () => {
    const { seed } = replayable('conditions');
    const datasets = await Promise.all(['duckdb', 'metrify'].map((name) => openDataset(file(name))));
    await fc.assert(
      fc.asyncProperty(condition, async (where) => {
        const right = await lake.duckdb(
          `select count(*)::varchar, coalesce(sum(id), 0)::varchar, coalesce(sum(id * id % 65537), 0)::varchar from source where ${where}`,
        );
        for (const dataset of datasets) {
          const found = [0, 0, 0];
          for await (const [cell] of readRows(dataset, {
            columns: ['id'],
            where: bindWhere(where, dataset.schema),
          })) {
            const id = Number(cell);
            found[0]! += 1;
            found[1]! += id;
            found[2]! += (id * id) % 65_537;
          }
          expect(found.map(String), dataset.name).toEqual(right.rows[0]);
        }
      }),
      { seed, numRuns: scaled(100) },
    );
  });
});

/** The same rows as one row group of our writer, which has pages and what is known of them. */
async function writeOurs(from: string, to: string): Promise<void> {
  const dataset = await openDataset(from);
  const all = new Batch(dataset.schema, rows);
  for await (const { batch } of readBatches(dataset, {})) {
    const numbers = Int32Array.from({ length: batch.rows }, (_, row) => row);
    for (const [i, column] of batch.columns.entries())
      gather(all.columns[i]!, column, placesOf(column, batch.rows), numbers, all.rows);
    all.rows += batch.rows;
  }
  const options = { codec: await openCodec('snappy'), createdBy, scratch: new Scratch() };
  const writer = new ParquetFileWriter(new TemporaryFile(to, to), dataset.schema, options);
  await writer.write(all);
  await writer.end();
}

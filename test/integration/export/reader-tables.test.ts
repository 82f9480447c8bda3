import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { openPostgres } from '../../../src/lib/clients/postgres.js';
import { profileOf, type Reader } from '../../../src/lib/columnar/postgres/profiles.js';
import { exportQuery } from '../../../src/lib/export/export-query.js';
import { FolderTarget } from '../../../src/lib/export/folder-target.js';
import { describeQuery } from '../../../src/lib/export/query.js';
import { createTable, type DdlReader } from '../../../src/lib/export/read/ddl.js';
import { findDataset } from '../../../src/lib/export/read/find-dataset.js';
import { schemaOf } from '../../../src/lib/export/read/open-dataset.js';
import { type Lake, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { createdBy, formats } from './written.js';

const sql = `SELECT i AS id, (i * 1.01)::numeric(9, 2) AS price, 'n' || i AS "odd name",
  timestamp '2026-01-01 12:00' + i * interval '1 hour' AS at, array[i, null] AS list,
  (i % 2)::int2 AS half, date '2026-01-01' + i % 2 AS day, '00' || i % 2 AS text FROM generate_series(1, 12) i`;
const partitionBy = ['half', 'day', 'text'];

needs('postgres', 'lake')('tables of datasets', () => {
  let database: OwnDatabase;
  let lake: Lake;
  let folder: TemporaryDirectory;
  beforeAll(async () => {
    [database, lake, folder] = await Promise.all([ownDatabase(), openLake(), temporaryDirectory('tables')]);
    // Spark begins with its first statement.
    await lake.spark('select 1');
  }, 300_000);
  afterAll(() => Promise.all([lake?.close(), folder?.remove()]));

  async function statements(reader: DdlReader & Reader, format: 'parquet' | 'orc'): Promise<string> {
    const location = join(folder.path, `${reader}-${format}`);
    const { signal } = new AbortController();
    const limits = { connectTimeoutMs: 60_000, requestTimeoutMs: 60_000 };
    const client = await openPostgres({ url: database.url }, limits, signal);
    try {
      const misfits = { infinity: 'error', misread: 'keep' } as const;
      const rules = { profile: profileOf(format, reader), numeric: undefined, misfits };
      const query = await client.readOnly(() => describeQuery(client, sql, partitionBy, rules));
      const job = { query, sql, partitionBy, target: new FolderTarget(location), createdBy };
      const progress = { update: () => {} };
      await exportQuery(client, { ...job, format: formats[format], rowGroupRows: 100 }, signal, progress);
    } finally {
      await client.close();
    }
    const schema = await schemaOf(await findDataset(location));
    const [columns, partitions] = [schema.slice(0, -3), schema.slice(-3)];
    return createTable(reader, { name: `${reader}_${format}`, location, format, columns, partitions });
  }

  const right = Array.from({ length: 12 }, (_, k) => {
    const id = k + 1;
    return [`${id}`, (id * 1.01).toFixed(2), `n${id}`, [`${id}`, null], `${id % 2}`, `00${id % 2}`];
  });
  const asked = 'select id, price, `odd name`, list, half, text from';

  it.each([['spark'], ['hive']] as const)(
    '%s has all rows and types of ORC files',
    { timeout: 120_000 },
    async (reader) => {
      const table = `${reader}_orc`;
      const made = (await statements(reader, 'orc')).split(/;\n/).filter((each) => each.trim() !== '');
      const { rows } = await lake.spark(...made, `${asked} ${table} order by id`);
      expect(rows).toEqual(right);
      const { rows: hours } = await lake.spark(
        `select cast(hour(at) as int), count(*) from ${table} where day = date '2026-01-02' and half > 0 group by 1 order by 1`,
      );
      expect(hours).toEqual([13, 15, 17, 19, 21, 23].map((hour) => [`${hour}`, '1']));
      const described = await lake.spark(`describe ${table}`);
      expect(Object.fromEntries(described.rows.map(([name, type]) => [name, type]))).toMatchObject({
        ...{ price: 'decimal(9,2)', list: 'array<int>', half: 'smallint', day: 'date', text: 'string' },
        at: 'timestamp',
      });
    },
  );

  it('DuckDB has the types of the partitions', async () => {
    const { rows } = await lake.duckdb(
      await statements('duckdb', 'parquet'),
      'select distinct typeof(half), typeof(day), typeof(text), count(*) over () from duckdb_parquet',
    );
    expect(rows).toEqual([['SMALLINT', 'DATE', 'VARCHAR', '12']]);
  });

  it('are refused where the reader does not read ORC', async () => {
    await expect(statements('duckdb', 'orc')).rejects.toMatchObject({ code: 'ORC_UNREAD', exitCode: 2 });
  });
});

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';

import { beforeEach, expect, test } from 'vitest';

import { lakeFolder } from '../../servers/cache-folder.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase } from '../../servers/shared.js';
import { metrify } from '../run.js';

const program = fileURLToPath(new URL('../../servers/lake/iceberg.py', import.meta.url));

interface Table {
  readonly count: number;
  readonly files: number;
  readonly bounds: readonly {
    readonly rows: number;
    readonly nulls: readonly number[];
    readonly bounded: number;
  }[];
  readonly selected: number;
  readonly planned: number;
  readonly columns: readonly string[];
}

needs('lake', 'postgres')('a table of Iceberg', () => {
  let folder: TemporaryDirectory;
  beforeEach(async () => {
    folder = await temporaryDirectory('iceberg');
    return () => folder.remove();
  });

  async function added(sql: string, folders: string, partition: string, filter: string): Promise<Table> {
    const { url } = await ownDatabase();
    const to = join(folder.path, 'dataset');
    const options = folders === '' ? [] : ['--partition-by', folders];
    const done = await metrify(['export', 'parquet', '--sql', sql, '--to', to, ...options], {
      env: { METRIFY_POSTGRES_URL: url },
    });
    expect(done.code, done.stderr).toBe(0);
    const { stdout } = await promisify(execFile)('python3', [program, to, folder.path, partition, filter], {
      env: { ...process.env, PYTHONPATH: lakeFolder() },
    });
    return JSON.parse(stdout) as Table;
  }

  // A partition's value is what the bounds of its column say: the column of the folders is not in the files.
  test('takes the files of a dataset as they are, and knows their partitions and bounds', async () => {
    const sql = `select i as id, case when i % 10 > 0 then i / 4.0::float8 end as value, (i / 100.0)::numeric(9, 2) as cost,
      timestamptz '2026-01-01' + i * interval '1 minute' as at, date '2026-01-01' + i % 7 as day, i % 2 = 0 as even,
      'meter ' || i as meter, array[i, null] as parts, md5(i::text)::uuid as u,
      kind, kind as folder from (select i, case i % 3 when 0 then 'power' when 1 then 'gas' end as kind from generate_series(1, 3000) as i) as readings`;
    const table = await added(sql, 'folder', 'kind', "kind = 'power' and id <= 300");
    expect(table.count).toBe(3000);
    expect(table.files).toBe(3);
    expect(table.selected).toBe(100);
    // Another partition is not even opened.
    expect(table.planned).toBe(1);
    for (const { rows, bounded, nulls } of table.bounds) {
      expect(rows).toBe(1000);
      expect(bounded).toBeGreaterThanOrEqual(8);
      expect(Math.max(...nulls)).toBeGreaterThanOrEqual(100);
    }
    expect(table.columns).toEqual([
      ...[
        'int',
        'double',
        'decimal(9, 2)',
        'timestamptz',
        'date',
        'boolean',
        'string',
        'list<int>',
        'string',
        'string',
      ],
    ]);
  });

  test('takes an unpartitioned dataset without rows', async () => {
    const table = await added("select 1 as id, 'x' as t where false", '', '', 'id = 1');
    expect([table.count, table.selected]).toEqual([0, 0]);
  });
});

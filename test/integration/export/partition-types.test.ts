import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { openPostgres } from '../../../src/lib/clients/postgres.js';
import { profileOf } from '../../../src/lib/columnar/postgres/profiles.js';
import { compact, planCompaction } from '../../../src/lib/export/compact.js';
import { exportQuery } from '../../../src/lib/export/export-query.js';
import { FolderTarget } from '../../../src/lib/export/folder-target.js';
import { type Manifest, parseManifest, printManifest } from '../../../src/lib/export/manifest.js';
import { describeQuery } from '../../../src/lib/export/query.js';
import { readParquet } from '../../../src/library/columnar.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { createdBy, formats } from './written.js';

/** An expression of `i`, and what is read of it where i is 2, 10 and null. */
const columns: readonly (readonly [type: string, sql: string, values: readonly unknown[]])[] = [
  ['int16', 'i::int2', [2, 10]],
  ['int64', 'i::int8 * 9007199254740993', [18_014_398_509_481_986n, 90_071_992_547_409_930n]],
  ['decimal(9, 2)', '(i / 4.0)::numeric(9, 2)', ['0.50', '2.50']],
  ['text', '(i / 4.0)', ['0.50000000000000000000', '2.5000000000000000']],
  ['float64', 'i * 1e20::float8', [2e20, 1e21]],
  ['boolean', 'i > 5', [false, true]],
  ['date', "date '2026-01-01' + i", ['2026-01-03', '2026-01-11']],
  // A type of the column, and not of all values.
  ['text', "case i when 2 then 'infinity' else date '2026-01-01' + i end", ['infinity', '2026-01-11']],
  [
    'timestamp (UTC)',
    "timestamptz '2026-01-01 00:00+00' + i * interval '1 hour'",
    ['2026-01-01 02:00:00+00', '2026-01-01 10:00:00+00'],
  ],
  ['text', "'00' || i", ['002', '0010']],
  ['text', "time '10:00' + i * interval '1 hour'", ['12:00:00', '20:00:00']],
  ['text', 'case when i > 0 then array[i, i] end', ['{2,2}', '{10,10}']],
];

needs('postgres')('columns of partitions', () => {
  let database: OwnDatabase;
  let folder: TemporaryDirectory;
  beforeAll(async () => {
    [database, folder] = await Promise.all([ownDatabase(), temporaryDirectory('partition-types')]);
  });
  afterAll(() => folder.remove());

  const progress = { update: () => {} };
  const { signal } = new AbortController();

  async function exported(name: string, sql: string, partitionBy: readonly string[]): Promise<string> {
    const path = join(folder.path, name);
    const limits = { connectTimeoutMs: 60_000, requestTimeoutMs: 60_000 };
    const client = await openPostgres({ url: database.url }, limits, signal);
    try {
      const profile = profileOf('parquet', 'hive');
      const rules = { profile, numeric: undefined, misfits: { infinity: 'error', misread: 'keep' } } as const;
      const query = await client.readOnly(() => describeQuery(client, sql, partitionBy, rules));
      const job = { query, sql, partitionBy, target: new FolderTarget(path), createdBy };
      await exportQuery(
        client,
        { ...job, format: formats.parquet, rowGroupRows: 2, fileBytes: 1 },
        signal,
        progress,
      );
      return path;
    } finally {
      await client.close();
    }
  }
  const manifestOf = async (path: string) =>
    parseManifest(await readFile(join(path, '_manifest.json'), 'utf8'), path);
  const changeManifest = async (path: string, change: (manifest: Manifest) => Manifest) =>
    writeFile(join(path, '_manifest.json'), printManifest(change(await manifestOf(path))));
  const read = async (path: string, filters?: string) => {
    const rows = [];
    for await (const row of readParquet(path, { filters })) rows.push(row);
    return rows.sort((a, b) => (a['id'] as number) - (b['id'] as number));
  };

  it('have the type of the query, and values of it', async () => {
    const named = columns.map(([, sql], i) => `${sql} AS c${i}`);
    const names = columns.map((_, i) => `c${i}`);
    const sql = `SELECT id, ${named.join(', ')} FROM (VALUES (1, 2), (2, 10), (3, null)) AS v (id, i)`;
    const path = await exported('all', sql, names);
    expect((await manifestOf(path)).partitionColumns).toEqual(
      columns.map(([type], i) => ({ name: `c${i}`, type })),
    );
    const values = (k: number) => columns.map(([, , each], i) => [`c${i}`, each[k] ?? null]);
    const right = [0, 1, 2].map((k) => ({ id: k + 1, ...Object.fromEntries(values(k)) }));
    expect(await read(path)).toEqual(right);

    for (const filters of [
      'c0 > 9',
      'c1 > 20000000000000000',
      'c2 > 1',
      'c4 >= 1e21',
      'c5',
      "c8 > '2026-01-01 09:00+00'",
    ])
      expect(await read(path, filters), filters).toEqual([right[1]]);
    expect(await read(path, 'c0 is null or c0 = 2')).toEqual([right[0], right[2]]);
  });

  it('keep their type when files are merged, and are text where the manifest does not say it', async () => {
    const path = await exported('merged', 'SELECT i AS id, i % 2 AS k FROM generate_series(1, 6) i', ['k']);
    const before = await read(path, 'k = 1');
    expect(before).toMatchObject([{ k: 1 }, { k: 1 }, { k: 1 }]);
    const plan = await planCompaction(path, 1e9);
    expect(plan.files.length).toBe(4);
    const options = { format: formats.parquet, createdBy, rowGroupRows: 100, fileBytes: 1e9 };
    await compact(plan, new FolderTarget(path), options, signal, progress);
    expect((await manifestOf(path)).files.length).toBe(2);
    expect((await manifestOf(path)).partitionColumns).toEqual([{ name: 'k', type: 'int32' }]);
    expect(await read(path, 'k = 1')).toEqual(before);

    await changeManifest(path, ({ partitionColumns: _, ...old }) => old);
    expect(await read(path, "k = '1'")).toEqual(before.map((row) => ({ ...row, k: '1' })));
  });

  it('name a value that is not of its type', async () => {
    const path = await exported('wrong', "SELECT 1 AS id, 'x' AS k", ['k']);
    await changeManifest(path, (old) => ({ ...old, partitionColumns: [{ name: 'k', type: 'int32' }] }));
    await expect(read(path)).rejects.toMatchObject({
      code: 'PARTITION_VALUE',
      message:
        "the manifest says that the partition column 'k' is int32, and in k=x/part-00000.parquet 'x' is not a whole number",
    });
  });
});

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { lakeFolder } from '../../servers/cache-folder.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { type OwnDatabase, ownDatabase } from '../../servers/shared.js';
import { KeptDataset } from './kept-dataset.js';

/** Prints the key-value metadata of files. */
const program = `
import json, sys, pyarrow.orc as orc, pyarrow.parquet as parquet
of = lambda path: orc.ORCFile(path).metadata if path.endswith('.orc') else parquet.read_metadata(path).metadata
text = lambda part: part.decode() if isinstance(part, bytes) else part
print(json.dumps([{text(k): text(v) for k, v in of(path).items()} for path in sys.argv[1:]]))`;

needs('postgres', 'lake')('what files say of their rows', () => {
  let database: OwnDatabase;
  let parent: TemporaryDirectory;
  const open: KeptDataset[] = [];

  beforeAll(async () => {
    [database, parent] = await Promise.all([ownDatabase(), temporaryDirectory('metadata')]);
  });
  afterAll(async () => {
    await Promise.all(open.map((dataset) => dataset.close()));
    await parent.remove();
  });

  test.each(['parquet', 'orc'] as const)(
    'query, snapshot and range, as pyarrow finds them in %s',
    async (format) => {
      const table = `readings_${format}`;
      await database.sql(`create table ${table} (id int, ts timestamptz);
      insert into ${table} values (1, '2026-02-03 10:00'), (2, '2026-02-01 09:00'), (3, null)`);
      const dataset = await KeptDataset.open(database.url, table, parent.path, { format });
      open.push(dataset);
      const clock = async () =>
        new Date((await database.sql('select clock_timestamp() as at'))[0]!['at'] as string).getTime();
      const runs = [];
      for (const change of [
        undefined,
        `insert into ${table} values (4, '2026-01-20 00:00:00.000001'), (5, '2026-02-02')`,
        `insert into ${table} values (6, null)`,
      ]) {
        if (change !== undefined) await database.sql(change);
        const before = await clock();
        const { written, manifest } = await dataset.night();
        runs.push({ written, manifest, before, after: await clock() });
      }
      const paths = runs.map(({ written }) => join(dataset.folder, written[0]!.path));
      const { stdout } = await promisify(execFile)('python3', ['-c', program, ...paths], {
        env: { ...process.env, PYTHONPATH: lakeFolder() },
      });
      const found = JSON.parse(stdout) as Record<string, string>[];
      const ranges = [
        { column: 'ts', low: '2026-02-01 09:00:00+00', high: '2026-02-03 10:00:00+00' },
        { column: 'ts', low: '2026-01-20 00:00:00.000001+00', high: '2026-02-02 00:00:00+00' },
        undefined,
      ];
      for (const [i, { manifest, before, after }] of runs.entries()) {
        const file = found[i]!;
        expect(file['metrify.query']).toContain(table);
        expect(file['metrify.snapshot']).toMatch(/^\d+:\d+:/);
        expect(file['metrify.snapshot']).toBe(manifest.snapshot);
        const time = Date.parse(manifest.snapshotTime!);
        expect(time).toBeGreaterThanOrEqual(before - 1);
        expect(time).toBeLessThanOrEqual(after);
        // A file has no times but those of its rows: a run that is repeated writes the same bytes.
        expect(file['metrify.snapshotTime']).toBeUndefined();
        const range = file['metrify.range'];
        expect(range && JSON.parse(range)).toEqual(ranges[i]);
        const { low, high } = manifest.since!;
        expect({ low, high }).toEqual({ low: ranges[i]?.low, high: ranges[i]?.high });
      }
    },
  );
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { ownDatabase } from '../../servers/shared.js';
import { metrify } from '../run.js';

interface Manifest {
  readonly files: readonly { readonly path: string }[];
  readonly superseded?: readonly { readonly path: string; readonly until: string }[];
}

needs('postgres')('export --grace', () => {
  test('a partition of several files keeps them until the time is over, and one of one file changes at once', async () => {
    const database = await ownDatabase();
    const folder = await mkdtemp(join(tmpdir(), 'grace-'));
    const path = join(folder, 'readings');
    const env = { METRIFY_POSTGRES_URL: database.url };
    const since = ['--since-column', 'id', '--state', join(folder, 'state'), '--partition-by', 'k'];
    const night = async (...more: string[]) => {
      const args = ['export', 'parquet', '--table', 'readings', '--to', path, ...since, ...more];
      const done = await metrify(args, { env });
      expect(done.code, done.stderr).toBe(0);
      return JSON.parse(await readFile(join(path, '_manifest.json'), 'utf8')) as Manifest;
    };
    const idsOf = async () => {
      const read = await metrify(['export', 'read', path, '--columns', 'id', '-o', 'ndjson']);
      expect(read.code, read.stderr).toBe(0);
      return read.stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: number }).id)
        .sort();
    };
    try {
      await database.sql(
        "create table readings (id int, k text); insert into readings values (1, 'one'), (2, 'two')",
      );
      await night();
      await database.sql("insert into readings values (3, 'two'), (6, 'three')");
      const appended = await night();
      await database.sql("insert into readings values (4, 'one'), (5, 'two'), (7, 'three')");
      const rewritten = await night('--on-change', 'rewrite', '--grace', '1h');
      const old = appended.files.map((file) => file.path).filter((each) => each.startsWith('k=two/'));
      expect(old).toHaveLength(2);
      expect(rewritten.superseded!.map((file) => file.path)).toEqual(old);
      expect(rewritten.files.map((file) => file.path)).toEqual([
        'k=one/part-00000.parquet',
        appended.files.find((file) => file.path.startsWith('k=three/'))!.path,
        expect.stringMatching(/^k=two\/part-[0-9a-f]{12}-00000\.parquet$/),
      ]);
      expect(await idsOf()).toEqual([1, 2, 3, 4, 5, 6, 7]);
      for (const { path: kept } of rewritten.superseded!) await readFile(join(path, kept));

      const verify = await metrify(['export', 'verify', path, '--table', 'readings'], { env });
      expect(verify.code, verify.stdout).toBe(0);
      const over = {
        ...rewritten,
        superseded: rewritten.superseded!.map((file) => ({ ...file, until: '2026-01-01T00:00:00Z' })),
      };
      await writeFile(join(path, '_manifest.json'), JSON.stringify(over));
      expect((await metrify(['export', 'compact', path])).code).toBe(0);
      for (const { path: kept } of rewritten.superseded!)
        await expect(readFile(join(path, kept))).rejects.toMatchObject({ code: 'ENOENT' });
      // The state belongs to the dataset as it did.
      expect((await night()).superseded).toBeUndefined();
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

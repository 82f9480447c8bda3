import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { parquetMetadata } from 'hyparquet';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { fileHashes, fileNames, isData, listedHashes, manifestOf, pagesOf } from '../../export/dataset.js';
import { readWithHyparquet } from '../../export/hyparquet.js';
import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';
import { needs } from '../../servers/needs.js';
import { startPostgres } from '../../servers/postgres.js';
import { temporaryDirectory } from '../../servers/process.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { metrifyInProcess } from '../in-process.js';
import { metrify, type Running, startMetrify } from '../run.js';

const readings = (rows: number) =>
  `select i as id, i % 4 as sensor, i * 0.5::float8 as value, md5(i::text) as note from generate_series(1, ${rows}) as i`;

/** Comes row by row from the beginning, unlike one long series. */
const endless =
  'select a * 10000 + b as id, md5(b::text) as note from generate_series(1, 100000) a, generate_series(1, 10000) b';

needs('postgres')('a dataset', () => {
  let database: OwnDatabase;
  let parent: Awaited<ReturnType<typeof temporaryDirectory>>;
  let count = 0;

  beforeAll(async () => {
    [database, parent] = await Promise.all([ownDatabase(), temporaryDirectory('dataset')]);
  });
  afterAll(() => parent.remove());

  const newFolder = () => join(parent.path, `d${count++}`);
  const command = (sql: string, to: string, ...more: string[]) => [
    ...['export', 'parquet', '--sql', sql, '--to', to, ...more],
  ];
  const env = () => ({ METRIFY_POSTGRES_URL: database.url });
  const run = (sql: string, to: string, ...more: string[]) =>
    metrifyInProcess([...command(sql, to, ...more), '--json'], { env: env() });

  it('is as it was when a row fails after a million', async () => {
    const bad = (row: number) =>
      `select i as id, 1 / (${row} - i) as x from generate_series(1, ${row + 1}) as i`;
    const empty = newFolder();
    const watch = watching(empty);
    const failed = await metrify(command(bad(1_000_000), empty), { env: env() });
    const seen = await watch.end();
    expect(failed.code).toBe(5);
    expect(failed.stderr).toContain('division by zero');
    expect(seen.files).toEqual([]);
    expect(await fileNames(empty)).toEqual([]);

    const full = newFolder();
    await run(readings(1000), full, '--partition-by', 'sensor');
    const before = await fileHashes(full);
    expect(Object.keys(before)).toHaveLength(5);
    expect((await run(bad(100_000), full, '--row-group-rows', '10000')).code).toBe(5);
    expect(await fileHashes(full)).toEqual(before);
  });

  it('is as it was when the server restarts midway', async () => {
    const other = await startPostgres();
    const folder = newFolder();
    await run(readings(1000), folder);
    const before = await fileHashes(folder);
    const running = await startMetrify(command(endless, folder), {
      env: { METRIFY_POSTGRES_URL: other.url },
    });
    await staged(folder, running);
    await other.restart();
    const { code, stderr } = await running.finished;
    expect(code).toBe(5);
    expect(stderr).toContain('PostgreSQL');
    expect(await fileHashes(folder)).toEqual(before);
    expect(await leftovers(folder)).toEqual([]);
    await other.stop();
  });

  it('is as it was after Ctrl-C, and another run meanwhile is refused', async () => {
    const folder = newFolder();
    await run(readings(1000), folder);
    const before = await fileHashes(folder);
    const running = await startMetrify(command(endless, folder), { env: env() });
    await staged(folder, running);
    const second = await run(readings(10), folder);
    expect(second.code).toBe(4);
    expect(second.stderr).toContain('LOCK_HELD');
    running.signal('SIGINT');
    expect((await running.finished).code).toBe(130);
    expect(await fileHashes(folder)).toEqual(before);
    expect(await leftovers(folder)).toEqual([]);
  });

  it('never has a half file for a reader that looks on, and is whole after a run that was killed', async () => {
    const { random } = replayable('when a run is killed');
    const folder = newFolder();
    const sql = readings(40_000);
    const args = command(sql, folder, '--partition-by', 'sensor', '--row-group-rows', '5000');
    await run(sql, folder, ...args.slice(6));
    const whole = await fileHashes(folder, isData, pagesOf);
    const watch = watching(folder);
    const begun = performance.now();
    await metrify(args, { env: env() });
    const took = performance.now() - begun;
    for (let i = 0; i < scaled(4); i++) {
      const running = await startMetrify(args, { env: env() });
      // Late in its life more often than not: that is where files change.
      await delay(took * Math.sqrt(random()));
      running.signal('SIGKILL');
      await running.finished;
    }
    expect((await run(sql, folder, ...args.slice(6))).code).toBe(0);
    const seen = await watch.end();
    expect(seen.problems).toEqual([]);
    expect(seen.looks).toBeGreaterThan(5);
    expect(await fileHashes(folder, isData, pagesOf)).toEqual(whole);
    expect(await leftovers(folder)).toEqual([]);
    expect(await listedHashes(folder)).toEqual(await fileHashes(folder, isData));
    for (const { path, bytes } of (await manifestOf(folder)).files)
      expect((await readFile(join(folder, path))).length).toBe(bytes);
  });

  it.runIf(process.getuid?.() === 0)('is as it was when the disk is full', async () => {
    const disk = newFolder();
    await mkdir(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    try {
      const folder = join(disk, 'lake');
      expect((await run(readings(1000), folder)).code).toBe(0);
      const before = await fileHashes(folder);
      const { code, stderr } = await run(readings(200_000), folder);
      expect(code).toBe(5);
      expect(stderr).toContain('NOT_WRITTEN');
      expect(await fileHashes(folder)).toEqual(before);
      expect(await leftovers(folder)).toEqual([]);
    } finally {
      execFileSync('umount', [disk]);
    }
  });

  it('leaves foreign files alone', async () => {
    const folder = newFolder();
    await mkdir(join(folder, 'other'), { recursive: true });
    await writeFile(join(folder, 'other', 'theirs.parquet'), 'PAR1');
    await writeFile(join(folder, 'README'), 'ours');
    const refused = await run(readings(10), folder);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain('other/theirs.parquet');
    expect(await fileNames(folder)).toEqual(['README', 'other/theirs.parquet']);
    await rm(join(folder, 'other'), { recursive: true });
    await writeFile(join(folder, '_manifest.json'), '{"name": "my app"}');
    expect((await run(readings(10), folder)).code).toBe(4);
    expect(await readFile(join(folder, '_manifest.json'), 'utf8')).toBe('{"name": "my app"}');
    await rm(join(folder, '_manifest.json'));
    expect((await run(readings(10), folder)).code).toBe(0);
    expect(await fileNames(folder)).toEqual(['README', '_manifest.json', 'part-00000.parquet']);
  });

  it('removes nothing outside of it, whatever its manifest says', async () => {
    const folder = newFolder();
    const victim = join(parent.path, 'victim.parquet');
    await writeFile(victim, 'precious');
    await run(readings(10), folder);
    const manifest = await manifestOf(folder);
    for (const path of ['../victim.parquet', 'a/../../victim.parquet', victim]) {
      const files = [...manifest.files, { path, rows: 1, bytes: 8, sha256: '0' }];
      await writeFile(join(folder, '_manifest.json'), JSON.stringify({ ...manifest, files }));
      expect((await run(readings(10), folder)).code).toBe(4);
      expect(await readFile(victim, 'utf8')).toBe('precious');
    }
  });

  it('loses the partitions, files and format that a new run does not have', async () => {
    const folder = newFolder();
    await run(readings(1000), folder, '--partition-by', 'sensor');
    const next = await run(
      `select * from (${readings(1000)}) q where sensor < 2`,
      folder,
      '--partition-by',
      'sensor',
    );
    expect(next.code).toBe(0);
    expect(await readdir(folder)).toEqual(expect.not.arrayContaining(['sensor=2', 'sensor=3']));
    const orc = ['export', 'orc', '--sql', readings(10), '--to', folder, '--json'];
    expect((await metrifyInProcess(orc, { env: env() })).code).toBe(0);
    expect(await fileNames(folder)).toEqual(['_manifest.json', 'part-00000.orc']);
  });

  it('has a file with the schema when there are no rows', async () => {
    const folder = newFolder();
    const { result } = (await run(readings(0), folder)).json();
    expect(result).toMatchObject({ rows: 0, files: [{ path: 'part-00000.parquet', rows: 0 }] });
    expect(await readWithHyparquet(join(folder, 'part-00000.parquet'))).toEqual([]);
  });

  it('says what is in the way of a folder that cannot be written', async () => {
    const file = newFolder();
    await writeFile(file, '');
    const { code, stderr } = await run(readings(10), join(file, 'lake'));
    expect(code).toBe(5);
    expect(stderr).toContain('cannot be written');
  });

  it('has as many files as its size asks for, each sorted', async () => {
    const folder = newFolder();
    const shuffled = `select * from (${readings(60_000)}) q order by md5(id::text)`;
    const options = ['--target-file-size', '500KB', '--row-group-rows', '5000', '--sort-by', 'id'];
    const { result } = (await run(shuffled, folder, ...options)).json();
    expect(result.files.length).toBeGreaterThan(2);
    const rows = [];
    for (const { path, bytes } of result.files) {
      expect(bytes).toBeLessThan(1_000_000);
      rows.push(...(await readWithHyparquet(join(folder, path))).map(({ id }) => id));
    }
    expect(rows).toEqual(Array.from({ length: 60_000 }, (_, i) => i + 1));
  });
});

async function leftovers(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('.'));
}

/** Waits until a run has written something of a file. */
async function staged(folder: string, running: Running): Promise<void> {
  for (;;) {
    const files = await readdir(folder, { recursive: true }).catch(() => []);
    if (files.some((name) => name.endsWith('.tmp') && name.includes('.metrify-'))) return;
    if (running.child.exitCode !== null) throw new Error(`it has ended: ${running.stderr()}`);
    await delay(20);
  }
}

/** Opens all files that `**\/*.parquet` finds, every 50 ms, as an analyst does: a file without its end is refused. */
function watching(folder: string) {
  const seen = { files: [] as string[], problems: [] as string[], looks: 0 };
  let isOver = false;
  const looking = (async () => {
    while (!isOver) {
      const files = (await fileNames(folder).catch(() => [])).filter(isData);
      for (const name of files) {
        seen.files.push(name);
        try {
          const { buffer, byteOffset, length } = await readFile(join(folder, name));
          parquetMetadata(buffer.slice(byteOffset, byteOffset + length) as ArrayBuffer);
        } catch (error) {
          seen.problems.push(`${name}: ${String(error)}`);
        }
      }
      seen.looks++;
      await delay(50);
    }
  })();
  return {
    async end() {
      isOver = true;
      await looking;
      return seen;
    },
  };
}

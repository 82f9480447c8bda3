import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';

import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { fileHashes, isData, fileNames, listedHashes, manifestOf } from '../../export/dataset.js';
import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';
import { type HttpProxy, startHttpProxy } from '../../servers/http-proxy.js';
import { type Lake, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { temporaryDirectory } from '../../servers/process.js';
import { type S3Server, startS3 } from '../../servers/s3.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { metrifyInProcess } from '../in-process.js';
import { metrify, startMetrify } from '../run.js';

/** Partition values that paths, URLs and signatures could take apart. */
const odd = ['a/b', 'a=b', 'a%2Fb', 'a+b', 'a b', 'é', '2026-01-01 00:00', '.', '..', "it's(*)!~", 'x'];
const few = odd.slice(0, 4);
const rowsOfEach = 40;
const rowsOf = (names: readonly string[]) =>
  `select k, ord * 1000 + i as id from unnest(array[${names.map((k) => `'${k.replaceAll("'", "''")}'`).join(', ')}]) with ordinality as t (k, ord), generate_series(1, ${rowsOfEach}) as i`;

needs('lake', 'postgres')('export to S3', () => {
  let s3: S3Server;
  let proxy: HttpProxy;
  let database: OwnDatabase;
  let lake: Lake;
  let bucket = '';
  let buckets = 0;
  beforeAll(async () => {
    [s3, database, lake] = await Promise.all([startS3(), ownDatabase(), openLake()]);
    proxy = await startHttpProxy(s3.port);
  });
  afterAll(async () => {
    await Promise.all([s3?.stop(), lake?.close(), proxy?.stop()]);
  });
  beforeEach(async () => {
    proxy.fate = () => 'pass';
    bucket = `lake-${++buckets}`;
    await s3.createBucket(bucket);
  });

  const command = (sql: string, prefix: string, ...more: string[]) => [
    ...['export', 'parquet', '--sql', sql, '--to', `s3://${bucket}/${prefix}`, '--json', ...more],
  ];
  const environment = (more: Readonly<Record<string, string>> = {}) => ({
    ...s3.env,
    METRIFY_POSTGRES_URL: database.url,
    ...more,
  });
  const run = (sql: string, prefix: string, ...more: string[]) =>
    metrifyInProcess(command(sql, prefix, ...more), { env: environment() });

  /** What is in the bucket, as files; and that it is what the manifest says. */
  async function downloaded<T>(prefix: string, look: (folder: string) => Promise<T>): Promise<T> {
    const folder = await temporaryDirectory('lake');
    try {
      await s3.download(bucket, folder.path);
      const root = join(folder.path, prefix);
      const listed = await listedHashes(root);
      expect(await fileNames(root)).toEqual([...Object.keys(listed), '_manifest.json'].sort());
      expect(await fileHashes(root, isData)).toEqual(listed);
      return await look(root);
    } finally {
      await folder.remove();
    }
  }
  const rowsBelow = (prefix: string) => downloaded(prefix, async (root) => (await manifestOf(root)).rows);

  const duckdbRows = async (root: string) => {
    const { rows } = await lake.duckdb(
      `select k, id from read_parquet('${root}/**/*.parquet', hive_partitioning = true, hive_types_autocast = false) order by id`,
    );
    return rows;
  };
  const expected = (names: readonly string[]) =>
    names.flatMap((k, ord) =>
      Array.from({ length: rowsOfEach }, (_, i) => [k, String((ord + 1) * 1000 + i + 1)]),
    );

  test('partitions with odd names arrive as they are, under checked signatures', async () => {
    const done = await metrify(command(rowsOf(odd), 'some folder/é+x', '--partition-by', 'k'), {
      env: environment(),
    });
    expect(done.code, done.stderr).toBe(0);
    await downloaded('some folder/é+x', async (root) => {
      expect((await manifestOf(root)).files).toHaveLength(odd.length);
      expect(await duckdbRows(root)).toEqual(expected(odd));
    });
    expect(await s3.uploads(bucket)).toEqual([]);
  });

  test('a large file goes in parts, and a second run replaces it', async () => {
    const sql = 'select i as id, md5(i::text) || md5((-i)::text) as k from generate_series(1, 300000) as i';
    let parts = 0;
    proxy.fate = ({ url }) => (url!.includes('partNumber=') && parts++, 'pass');
    const options = ['--compression', 'none', '--s3-endpoint', proxy.url];
    expect((await run(sql, 'big', ...options)).code).toBe(0);
    expect(parts).toBe(3);
    await downloaded('big', async (root) => {
      const { rows } = await lake.duckdb(
        `select count(*)::text, count(distinct id)::text, bool_and(k = md5(id::varchar) || md5((-id)::varchar)) from read_parquet('${root}/*.parquet')`,
      );
      expect(rows).toEqual([['300000', '300000', true]]);
    });
    expect((await run('select 1 as id', 'big', ...options)).code).toBe(0);
    expect(await rowsBelow('big')).toBe(1);
  });

  test('requests that are refused, cut and answered in vain change nothing', async () => {
    const { random } = replayable('faults of S3');
    for (let trial = 0; trial < scaled(2); trial++) {
      proxy.fate = () =>
        random() < 0.8 ? 'pass' : (['refuse', 'cut', 'lose'] as const)[Math.floor(random() * 3)]!;
      const done = await run(
        rowsOf(few),
        `faults-${trial}`,
        '--partition-by',
        'k',
        '--s3-endpoint',
        proxy.url,
      );
      expect(done.code, done.stderr).toBe(0);
    }
    for (let trial = 0; trial < scaled(2); trial++)
      await downloaded(`faults-${trial}`, async (root) =>
        expect(await duckdbRows(root)).toEqual(expected(few)),
      );
    // An upload whose id was lost with its answer is aborted by the next run.
    expect((await run('select 1 as k, 1 as id', 'faults-0')).code).toBe(0);
    expect((await s3.uploads(bucket)).filter((key) => key.startsWith('faults-0/'))).toEqual([]);
  });

  const isUpload = ({ method, url }: IncomingMessage) => method === 'POST' && /[?&]uploads/.test(url!);
  const isCompletion = ({ method, url }: IncomingMessage) => method === 'POST' && /[?&]uploadId/.test(url!);
  const moments: [string, (request: IncomingMessage) => boolean, number, 'before' | 'after'][] = [
    ['while the last file begins', isUpload, few.length, 'before'],
    ['when half of the files have appeared', isCompletion, 3, 'after'],
  ];
  test.each(moments)(
    'killed %s: all of the old dataset, or all of the new one after the next run',
    async (_, is, nth, side) => {
      const before = await run(
        rowsOf(few).replace('1000 + i', '1000 + i + 500'),
        'killed',
        '--partition-by',
        'k',
      );
      expect(before.code, before.stderr).toBe(0);
      const old = await s3.keys(bucket);
      let seen = 0;
      proxy.fate = (request) => (seen >= nth || (is(request) && ++seen === nth) ? 'hold' : 'pass');
      const args = command(rowsOf(few), 'killed', '--partition-by', 'k', '--s3-endpoint', proxy.url);
      const killed = await startMetrify(args, { env: environment() });
      await until('the request is held', () => seen >= nth);
      killed.signal('SIGKILL');
      await killed.finished;
      expect(await s3.keys(bucket)).toEqual(expect.arrayContaining([...old]));
      if (side === 'before') {
        // A dead run's lease and uploads are in nobody's way.
        expect((await run('select 1 as id', 'killed')).code).toBe(0);
        expect(await rowsBelow('killed')).toBe(1);
      } else {
        // The next run completes the change, whatever becomes of itself.
        const failing = await run('select 1 / (i - 5) as id from generate_series(1, 9) as i', 'killed');
        expect(failing.code, failing.stdout).toBe(5);
        await downloaded('killed', async (root) => expect(await duckdbRows(root)).toEqual(expected(few)));
      }
      expect(await s3.uploads(bucket)).toEqual([]);
    },
  );

  test('a query that fails leaves nothing', async () => {
    let parts = 0;
    proxy.fate = ({ url }) => (url!.includes('partNumber=') && parts++, 'pass');
    const sql =
      'select 100 / (55000 - i) as id, repeat(md5(i::text), 6) as k from generate_series(1, 60000) as i';
    const done = await run(
      sql,
      'none',
      '--compression',
      'none',
      '--row-group-rows',
      '10000',
      '--s3-endpoint',
      proxy.url,
    );
    expect(parts).toBeGreaterThan(0);
    expect(done.code).toBe(5);
    expect(done.stdout + done.stderr).toContain('division by zero');
    expect(await s3.keys(bucket)).toEqual([]);
    expect(await s3.uploads(bucket)).toEqual([]);
  });

  test('two runs at once: the second is refused, and the first succeeds', async () => {
    let isLost = false;
    proxy.fate = (request) => (isUpload(request) && !isLost ? ((isLost = true), 'lose') : 'pass');
    const gate = new pg.Client({ connectionString: database.url });
    await gate.connect();
    await gate.query('select pg_advisory_lock(1)');
    const slow =
      'select i as id, pg_advisory_xact_lock_shared(1) is null as k from generate_series(1, 300) as i';
    const first = await startMetrify(command(slow, 'shared', '--s3-endpoint', proxy.url), {
      env: environment(),
    });
    await until('the first has its lease', async () => (await s3.keys(bucket)).length > 0);
    const second = await run('select 2 as id', 'shared');
    await gate.end();
    expect(second.code, second.stdout).toBe(4);
    expect(second.stderr + second.stdout).toMatch(/is held by process \d+/);
    expect((await first.finished).code).toBe(0);
    expect(await rowsBelow('shared')).toBe(300);
  });

  test('what others have below the prefix stays', async () => {
    await s3.put(bucket, 'ours/README.txt', 'by hand');
    await s3.put(bucket, 'ours-too/part-00000.parquet', 'not in the prefix');
    await s3.beginUpload(bucket, 'ours/backup.tar');
    const done = await run('select 1 as id', 'ours');
    expect(done.code, done.stderr).toBe(0);
    expect(await s3.uploads(bucket)).toEqual(['ours/backup.tar']);
    expect(await s3.keys(bucket)).toEqual([
      'ours-too/part-00000.parquet',
      'ours/README.txt',
      'ours/_manifest.json',
      expect.stringMatching(/^ours\/part-[0-9a-f]{12}-00000\.parquet$/),
    ]);
    await s3.put(bucket, 'ours/foreign.parquet', 'PAR1');
    const refused = await run('select 1 as id', 'ours');
    expect(refused.code).toBe(4);
    expect(refused.stdout + refused.stderr).toContain('ours/foreign.parquet'.slice(5));
  });

  describe('refusals', () => {
    test('no such bucket', async () => {
      const done = await metrifyInProcess(
        command('select 1 as id', 'x').map((arg) => arg.replace(bucket, 'nowhere')),
        {
          env: environment(),
        },
      );
      expect(done.code).toBe(2);
      expect(done.stderr).toContain("there is no bucket 'nowhere'");
    });

    test('no right to write, with the rights that are needed', async () => {
      const reader = await s3.user('s3:GetObject', 's3:ListBucket');
      const done = await metrifyInProcess(command('select 1 as id', 'x'), { env: environment(reader) });
      expect(done.code).toBe(5);
      expect(done.stderr).toContain('s3:PutObject');
    });

    test('a wrong secret is not shown', async () => {
      const AWS_SECRET_ACCESS_KEY = 'wrong-but-secret-8a1f';
      const done = await metrifyInProcess(command('select 1 as id', 'x'), {
        env: environment({ AWS_SECRET_ACCESS_KEY }),
      });
      expect(done.code).toBe(5);
      expect(done.stderr).toContain('SignatureDoesNotMatch');
      expect(done.stdout + done.stderr).not.toContain(AWS_SECRET_ACCESS_KEY);
    });

    test('no credentials, half of them, no server', async () => {
      const none = await metrifyInProcess(command('select 1 as id', 'x'), {
        env: { METRIFY_POSTGRES_URL: database.url, METRIFY_S3_ENDPOINT: s3.url },
      });
      expect(none.code).toBe(2);
      expect(none.stderr).toContain('AWS_ACCESS_KEY_ID');
      const half = await metrifyInProcess(command('select 1 as id', 'x'), {
        env: environment({ AWS_SECRET_ACCESS_KEY: '' }),
      });
      expect(half.code).toBe(2);
      const down = await run('select 1 as id', 'x', '--s3-endpoint', 'http://127.0.0.1:9');
      expect(down.code).toBe(5);
      expect(down.stderr).toContain('connection refused');
    });
  });
});

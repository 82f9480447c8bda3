import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { fileHashes, isData, listedHashes, manifestOf } from '../../export/dataset.js';
import { jdbcDriver, lakeFolder } from '../../servers/cache-folder.js';
import { type Lake, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { startPostgres, type PostgresServer } from '../../servers/postgres.js';
import { metrifyInProcess } from '../in-process.js';
import { metrify, startMetrify } from '../run.js';

const moving = 20_000;
/** Values that a driver's calendars, time zones and paddings could change; and many rows, whose place changes all the time. */
const table = `
  create table kinds (id int8, small int2, b bool, f4 float4, f8 float8, n numeric(18, 4), free numeric, t text, padded char(6),
    j jsonb, u uuid, ip inet, bytes bytea, d date, tod time, ts timestamp, tz timestamptz, k text, place int);
  insert into kinds values
    (1, -5, true, 0.1, 1e-300, 12345678901234.5678, 0.10, 'é " \\ 🔌', 'ab', '{"a": [1, null]}', 'd3b07384-d9a7-4f5e-8b1a-0123456789ab',
     '10.0.0.1', '\\x00ff', '1500-03-01', '23:59:59.999999', '1969-12-31 23:59:59.999999', '2026-03-29 02:30:00.000001+02', 'a/b=c d+é', 1),
    (2, 32767, false, 'NaN', '-Infinity', -0.01, 1e20, '', '', '[]', '00000000-0000-0000-0000-000000000000', '::1/64', '', '0001-01-01',
     '00:00', '0001-01-01 00:00:00', '9999-12-31 23:59:59.999999+00', null, 2),
    (3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, 'x', 3);
  insert into kinds (id, k, place) select i, 'y', i from generate_series(4, ${moving}) as i;
  grant select on kinds to guarded`;

needs(
  'lake',
  'jdbc',
  'postgres',
)('export with Spark', () => {
  let server: PostgresServer;
  let lake: Lake;
  let folder: TemporaryDirectory;
  beforeAll(async () => {
    [server, lake, folder] = await Promise.all([startPostgres(), openLake(), temporaryDirectory('spark')]);
    await server.sql('postgres', table);
  });
  afterAll(async () => {
    await Promise.all([server?.stop(), lake?.close(), folder?.remove()]);
  });

  const environment = () => ({
    METRIFY_POSTGRES_URL: server.guarded.url,
    SPARK_HOME: join(lakeFolder(), 'pyspark'),
    PYTHONPATH: lakeFolder(),
    PYSPARK_PYTHON: 'python3',
    SPARK_LOCAL_IP: '127.0.0.1',
    // Another zone than the session's, in which an hour of 2026-03-29 is missing.
    TZ: 'Europe/Berlin',
  });
  const conf = [
    `spark.jars=${jdbcDriver()}`,
    'spark.master=local[2]',
    'spark.driver.extraJavaOptions=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC',
  ];
  const command = (sql: string, to: string, ...more: string[]) => [
    ...['export', 'parquet', '--sql', sql, '--to', to, '--json', '--engine', 'spark', ...more],
    ...conf.flatMap((each) => ['--spark-conf', each]),
  ];

  describe('of a table whose rows change meanwhile', () => {
    const sql = 'select * from kinds';
    const commands = new Set<string>();
    let ours: string;
    let theirs: string;
    beforeAll(async () => {
      [ours, theirs] = [join(folder.path, 'ours'), join(folder.path, 'theirs')];
      const options = ['--partition-by', 'k', '--parallel-by', 'place', '--parallel', '8'];
      const exporting = await startMetrify(command(sql, theirs, ...options), { env: environment() });
      let ended = false;
      const finished = exporting.finished.finally(() => (ended = true));
      // Each row moves between the first range and the last one.
      while (!ended) {
        await server.sql('postgres', `update kinds set place = ${moving + 1} - place`);
        for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)))
          commands.add(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''));
      }
      const done = await finished;
      expect(done.code, done.stderr).toBe(0);
      const itself = await metrify(['export', 'parquet', '--sql', sql, '--to', ours, '--partition-by', 'k'], {
        env: { METRIFY_POSTGRES_URL: server.url },
      });
      expect(itself.code, itself.stderr).toBe(0);
    });

    const files = (path: string) => `read_parquet('${path}/**/*.parquet', hive_partitioning = true)`;

    test('the dataset is the one that metrify itself writes', async () => {
      const odd = (path: string) =>
        lake.duckdb(`select * exclude (place) from ${files(path)} where id <= 3 order by id`);
      expect(await odd(theirs)).toEqual(await odd(ours));
      const [one, other] = [ours, theirs].map((path) => `select * exclude (place) from ${files(path)}`);
      const { rows } = await lake.duckdb(
        `(${one} except all ${other}) union all (${other} except all ${one})`,
      );
      expect(rows).toEqual([]);
      expect((await manifestOf(theirs)).rows).toBe(moving);
      expect(await fileHashes(theirs, isData)).toEqual(await listedHashes(theirs));
      expect((await readdir(ours)).sort()).toEqual((await readdir(theirs)).sort());
    });

    test('its connections read one snapshot', async () => {
      const { rows } = await lake.duckdb(
        `select count(*), count(distinct id), count(distinct place) from ${files(theirs)}`,
      );
      expect(rows).toEqual([[`${moving}`, `${moving}`, `${moving}`]]);
    });

    test('no process shows the password', () => {
      const ofSpark = [...commands].filter((each) => each.includes('metrify-spark-'));
      expect(ofSpark.length).toBeGreaterThan(0);
      expect(ofSpark.join('\n')).not.toContain(server.guarded.password);
    });
  });

  const run = (args: string[], env = environment()) => metrifyInProcess(args, { env });

  test('a run of Spark that fails leaves nothing', async () => {
    const to = join(folder.path, 'failed');
    const home = join(folder.path, 'failing', 'bin');
    await mkdir(home, { recursive: true });
    await writeFile(join(home, 'spark-submit'), '#!/bin/sh\necho no memory >&2; exit 1\n', { mode: 0o755 });
    const done = await run(command('select 1 as id', to), { ...environment(), SPARK_HOME: join(home, '..') });
    expect([done.code, done.stderr]).toEqual([5, expect.stringContaining('no memory')]);
    expect(await readdir(to)).toEqual([]);
  });

  test('values that do not fit are refused, and no rows are no files, before Spark starts', async () => {
    const env = { ...environment(), SPARK_HOME: '/nowhere' };
    const to = join(folder.path, 'unfit');
    const refused = await run(
      command("select 1 as id, 'infinity'::timestamptz as at, 0.125 as v", to, '--numeric', '38,2'),
      env,
    );
    expect(refused.code, refused.stdout).toBe(2);
    expect(refused.stderr).toContain(
      "column 'at' has 1 value that the file cannot hold: infinity, in row 1 (id = 1)",
    );
    expect(refused.stderr).toContain("column 'v' has 1 value that the file cannot hold");
    expect(await readdir(to)).toEqual([]);
    const empty = await run(command('select 1 as id, 2 as k where false', to, '--partition-by', 'k'), env);
    expect(empty.code, empty.stderr).toBe(0);
    expect(empty.json().result).toMatchObject({ rows: 0, files: [] });
  });

  test('what Spark cannot do is said before it starts', async () => {
    const to = join(folder.path, 'none');
    const list = await run(command('select array[1, 2] as numbers', to));
    expect([list.code, list.stderr]).toEqual([
      2,
      expect.stringContaining("the column 'numbers' is an array"),
    ]);
    const key = await run(command("select 'x' as id", to, '--parallel-by', 'id', '--parallel', '2'));
    expect([key.code, key.stderr]).toEqual([2, expect.stringContaining('--parallel-by id is not')]);
    const orc = await run(['export', 'orc', ...command('select 1 as id', to).slice(2)]);
    expect([orc.code, orc.stderr]).toEqual([2, expect.stringContaining('writes Parquet only')]);
    const missing = await run(command('select 1 as id', to), { ...environment(), SPARK_HOME: '/nowhere' });
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('SPARK_HOME')]);
    const local = ['export', 'parquet', '--sql', 'select 1', '--to', to, '--spark-conf', conf[1]!];
    expect((await run(local)).code).toBe(2);
    expect(await readdir(to)).toEqual([]);
  });
});

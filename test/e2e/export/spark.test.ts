import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { jdbcDriver, lakeFolder } from '../../servers/cache-folder.js';
import { type Lake, openLake } from '../../servers/lake.js';
import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { startPostgres, type PostgresServer } from '../../servers/postgres.js';
import { metrify, startMetrify } from '../run.js';

interface Manifest {
  readonly rows: number;
  readonly files: readonly { readonly path: string; readonly rows: number; readonly sha256: string }[];
}

/** Values that a driver's calendars, time zones and paddings could change. */
const table = `
  create table kinds (id int8, small int2, b bool, f4 float4, f8 float8, n numeric(18, 4), free numeric, t text, padded char(6),
    j jsonb, u uuid, ip inet, bytes bytea, d date, tod time, ts timestamp, tz timestamptz, k text);
  insert into kinds values
    (1, -5, true, 0.1, 1e-300, 12345678901234.5678, 0.10, 'é " \\ 🔌', 'ab', '{"a": [1, null]}', 'd3b07384-d9a7-4f5e-8b1a-0123456789ab',
     '10.0.0.1', '\\x00ff', '1500-03-01', '23:59:59.999999', '1969-12-31 23:59:59.999999', '2026-03-29 02:30:00.000001+02', 'a/b=c d+é'),
    (2, 32767, false, 'NaN', '-Infinity', -0.01, 1e20, '', '', '[]', '00000000-0000-0000-0000-000000000000', '::1/64', '', '0001-01-01',
     '00:00', '0001-01-01 00:00:00', '9999-12-31 23:59:59.999999+00', null),
    (3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, 'x')`;

needs(
  'lake',
  'jdbc',
  'postgres',
)('export with Spark', () => {
  let server: PostgresServer;
  let lake: Lake;
  let folder: TemporaryDirectory;
  beforeAll(async () => {
    [server, lake] = await Promise.all([startPostgres(), openLake()]);
    await server.sql('postgres', table);
    await server.sql('postgres', 'grant select on kinds to guarded');
  }, 120_000);
  afterAll(async () => {
    await Promise.all([server?.stop(), lake?.close()]);
  });
  beforeEach(async () => {
    folder = await temporaryDirectory('spark');
    return () => folder.remove();
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
  const command = (sql: string, to: string, ...more: string[]) => [
    ...['export', 'parquet', '--sql', sql, '--to', to, '--json', '--engine', 'spark', ...more],
    ...['--spark-conf', `spark.jars=${jdbcDriver()}`, '--spark-conf', 'spark.master=local[2]'],
  ];
  const run = (sql: string, to: string, ...more: string[]) =>
    metrify(command(sql, to, ...more), { env: environment() });

  test('the dataset is the one that metrify itself writes', async () => {
    const [ours, theirs] = [join(folder.path, 'ours'), join(folder.path, 'theirs')];
    const sql = 'select * from kinds';
    const options = ['--partition-by', 'k', '--parallel-by', 'id', '--parallel', '2'];
    const done = await run(sql, theirs, ...options);
    expect(done.code, done.stderr).toBe(0);
    const itself = await metrify(['export', 'parquet', '--sql', sql, '--to', ours, '--partition-by', 'k'], {
      env: { METRIFY_POSTGRES_URL: server.url },
    });
    expect(itself.code, itself.stderr).toBe(0);
    const rows = (path: string) =>
      lake.duckdb(`select * from read_parquet('${path}/**/*.parquet', hive_partitioning = true) order by id`);
    const found = await rows(theirs);
    const expected = await rows(ours);
    expect(found.rows).toEqual(expected.rows);
    expect(found.names).toEqual(expected.names);
    expect(found.types).toEqual(expected.types);
    const manifest = JSON.parse(await readFile(join(theirs, '_manifest.json'), 'utf8')) as Manifest;
    expect(manifest.rows).toBe(3);
    for (const { path, sha256 } of manifest.files)
      expect(
        createHash('sha256')
          .update(await readFile(join(theirs, path)))
          .digest('hex'),
      ).toBe(sha256);
    expect((await readdir(ours)).sort()).toEqual((await readdir(theirs)).sort());
  });

  test('its connections read one snapshot, and no process shows the password', async () => {
    await server.sql(
      'postgres',
      'create table moving as select i as id from generate_series(1, 20000) as i; grant select on moving to guarded',
    );
    const to = join(folder.path, 'moving');
    const args = command('select * from moving', to, '--parallel-by', 'id', '--parallel', '8');
    const exporting = await startMetrify(args, { env: environment() });
    let ended = false;
    const finished = exporting.finished.finally(() => (ended = true));
    const commands = new Set<string>();
    // Each row moves between the first range and the last one.
    while (!ended) {
      await server.sql('postgres', 'update moving set id = 20001 - id');
      for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name)))
        commands.add(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''));
    }
    const done = await finished;
    expect(done.code, done.stderr).toBe(0);
    const { rows } = await lake.duckdb(
      `select count(*)::text, count(distinct id)::text from read_parquet('${to}/*.parquet')`,
    );
    expect(rows).toEqual([['20000', '20000']]);
    const ofSpark = [...commands].filter((each) => each.includes('metrify-spark-'));
    expect(ofSpark.length).toBeGreaterThan(0);
    expect(ofSpark.join('\n')).not.toContain(server.guarded.password);
  });

  test('values that do not fit are refused, and no rows are no files, before Spark starts', async () => {
    const env = { ...environment(), SPARK_HOME: '/nowhere' };
    const to = join(folder.path, 'none');
    const refused = await metrify(
      command("select 1 as id, 'infinity'::timestamptz as at, 0.125 as v", to, '--numeric', '38,2'),
      { env },
    );
    expect(refused.code, refused.stdout).toBe(2);
    expect(refused.stderr).toContain(
      "column 'at' has 1 value that the file cannot hold: infinity, in row 1 (id = 1)",
    );
    expect(refused.stderr).toContain("column 'v' has 1 value that the file cannot hold");
    expect(await readdir(to)).toEqual([]);
    const empty = await metrify(command('select 1 as id, 2 as k where false', to, '--partition-by', 'k'), {
      env,
    });
    expect(empty.code, empty.stderr).toBe(0);
    expect(empty.json().result).toMatchObject({ rows: 0, files: [] });
  });

  test('what Spark cannot do is said before it starts', async () => {
    const to = join(folder.path, 'none');
    const list = await run('select array[1, 2] as numbers', to);
    expect([list.code, list.stderr]).toEqual([
      2,
      expect.stringContaining("the column 'numbers' is an array"),
    ]);
    const key = await run("select 'x' as id", to, '--parallel-by', 'id', '--parallel', '2');
    expect([key.code, key.stderr]).toEqual([2, expect.stringContaining('--parallel-by id is not')]);
    const orc = await metrify(['export', 'orc', ...command('select 1 as id', to).slice(2)], {
      env: environment(),
    });
    expect([orc.code, orc.stderr]).toEqual([2, expect.stringContaining('writes Parquet only')]);
    const missing = await metrify(command('select 1 as id', to), {
      env: { ...environment(), SPARK_HOME: '/nowhere' },
    });
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('SPARK_HOME')]);
    const local = [
      'export',
      'parquet',
      '--sql',
      'select 1',
      '--to',
      to,
      '--spark-conf',
      'spark.master=local',
    ];
    expect((await metrify(local, { env: environment() })).code).toBe(2);
    expect(await readdir(to)).toEqual([]);
  });
});

import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { needs } from '../../servers/needs.js';
import { redisCli } from '../../servers/redis.js';
import { type OwnDatabase, type OwnRedis, ownDatabase, ownRedis } from '../../servers/shared.js';
import { metrify } from '../run.js';

needs('postgres', 'redis')('SQL given to us', () => {
  let database: OwnDatabase;
  let redis: OwnRedis;
  let folder: string;
  let mark: string;
  let env: Record<string, string>;
  const warm = (sql: string, ...flags: string[]) =>
    metrify(['cache', 'warm', '--sql', sql, '--key', 'k:{id}', ...flags], { env, cwd: folder });
  const untouched = async (): Promise<void> => {
    expect(existsSync(mark), 'a program ran on the server').toBe(false);
    expect(await database.sql('select count(*)::int as rows, max(v) as v from t')).toEqual([
      { rows: 3, v: 'a' },
    ]);
    expect(await database.sql("select 1 from pg_class where relname = 'evil'")).toEqual([]);
    expect(await redisCli(redis.port, ['-n', String(redis.database), 'DBSIZE'])).toBe('0');
  };

  beforeAll(async () => {
    [database, redis] = await Promise.all([ownDatabase(), ownRedis()]);
    folder = await mkdtemp(join(tmpdir(), 'metrify-sql-'));
    // PostgreSQL, running as another user, could write here.
    mark = join(tmpdir(), `metrify-mark-${process.pid}`);
    env = { METRIFY_POSTGRES_URL: database.url, METRIFY_REDIS_URL: redis.url };
    await database.sql(`create table t (id int primary key, v text); insert into t select i, 'a' from generate_series(1, 3) i;
      create function sly() returns int language sql as $$ update t set v = 'b' returning 1 $$`);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it.each([
    ['two statements', 'select 1 as id; drop table t'],
    ['a delete', 'delete from t returning id'],
    ['a delete inside WITH', 'with gone as (delete from t returning id) select id from gone'],
    ['SELECT INTO', 'select id into evil from t'],
    ['DDL', 'create table evil (id int)'],
    ['COPY', "copy t to program 'touch MARK'"],
    ['our parenthesis closed', "select 1) to program 'touch MARK' --"],
    ['our parenthesis closed after a comment', "select 1 as id /* ) */ ) to program 'touch MARK' --"],
    ['a transaction', 'commit; delete from t'],
    ['EXPLAIN ANALYZE of a write', 'explain analyze delete from t'],
    ['DO', 'do $$ begin delete from t; end $$'],
    ['nothing', ' -- only a comment'],
    ['no SQL at all', 'selct id from t'],
  ])('%s is refused', async (name, template) => {
    const sql = template.replace('MARK', mark);
    const direct = await warm(sql);
    expect(direct, direct.stderr).toMatchObject({ code: 2, stdout: '' });
    await writeFile(join(folder, 'q.sql'), sql);
    const dry = name === 'two statements' ? ['--dry-run'] : [];
    const fromFile = await warm('@q.sql', ...dry);
    expect(fromFile).toMatchObject({ code: 2, stdout: '', stderr: direct.stderr });
    await untouched();
  });

  it('a function that writes fails in the READ ONLY transaction', async () => {
    const { code, stderr } = await warm('select sly() as id');
    expect(code, stderr).toBeGreaterThan(1);
    expect(stderr).toMatch(/read-only transaction/);
    await untouched();
  });

  it('a file that is not there is exit 2', async () => {
    expect(await warm('@nowhere.sql')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nowhere.sql'),
    });
  });

  it('a file that is not there is said to be missing', async () => {
    const { stderr } = await warm('@nowhere.sql');
    expect(stderr).toMatch(/cannot read \S*nowhere\.sql: it does not exist/);
    expect(stderr).not.toContain('ENOENT');
  });

  it('the name of a file, without @, is told how to write it', async () => {
    await writeFile(join(folder, 'latest.sql'), 'select id from t');
    const { code, stderr } = await warm('latest.sql');
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('--sql @latest.sql') });
    expect((await warm('@latest.sql', '--dry-run')).code).toBe(0);
    const none = await warm('other.sql');
    expect(none.code).toBe(2);
    expect(none.stderr).not.toContain('@other.sql');
  });

  it.each([
    ['a relation', 'select id from metres'],
    ['a schema', 'select id from metering.t'],
  ])('%s that does not exist: where it was looked for, and what to write', async (_, sql) => {
    const { code, stderr } = await warm(sql);
    expect(code, stderr).toBe(2);
    expect(stderr).toContain('does not exist');
    expect(stderr).toContain(new URL(database.url).host);
    expect(stderr).toMatch(/with its schema/);
  });

  it.each([
    ['a SELECT with a semicolon and a comment', 'select id from t -- all\n;', 3],
    ['VALUES', 'select * from (values (1), (2)) as v(id)', 2],
    ['TABLE', 'table t', 3],
    ['text that looks like a parenthesis', "select id, ') to program ''x'' --' as v from t", 3],
  ])('%s is taken', async (_, sql, rows) => {
    const { code, json, stderr } = await warm(sql, '--json');
    expect(code, stderr).toBe(0);
    expect(json().result).toMatchObject({ read: rows, written: rows });
    await redisCli(redis.port, ['-n', String(redis.database), 'FLUSHDB']);
  });
});

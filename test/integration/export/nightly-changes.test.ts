import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { startPostgres, type PostgresServer } from '../../servers/postgres.js';
import { Nights } from './nightly-runs.js';

/** Long before. */
const monthsAgo = '2026-01-04 03:00:00';

needs('postgres')('rows that are new since the last run', () => {
  let server: PostgresServer;
  let url: string;
  const open: pg.Client[] = [];
  let nights: Nights;
  let databases = 0;

  const sql = (text: string) => server.sql(new URL(url).pathname.slice(1), text);
  async function session(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    await client.connect();
    open.push(client);
    return client;
  }
  const ids = (rows: readonly Record<string, unknown>[]) =>
    rows.map(({ id }) => id as number).sort((a, b) => a - b);
  /** What a night would write, by id. */
  const night = async (options = {}) => ids((await nights.run(options)).rows);

  beforeAll(async () => {
    server = await startPostgres({ settings: { max_prepared_transactions: 10 } });
  });
  beforeEach(async () => {
    url = await server.createDatabase(`nightly_${databases++}`);
    await sql('create table readings (id int, ts timestamptz, value float8)');
    await sql(`insert into readings values (1, '2026-02-01 09:00', 1.5), (2, '2026-02-01 09:01', null)`);
    nights = await Nights.open(url, 'readings');
    return async () => {
      await nights.close();
      await Promise.all(open.splice(0).map((client) => client.end()));
    };
  });
  afterAll(() => server.stop());

  test('one that commits after a run, with an older time than others, comes with the next run', async () => {
    const a = await session();
    await a.query(`begin; insert into readings values (3, '2026-02-01 10:00:00', 3)`);
    await sql(`insert into readings values (4, '2026-02-01 10:00:05', 4)`);
    expect(await night()).toEqual([1, 2, 4]);
    expect(await night()).toEqual([]);
    await a.query('commit');
    const { rows, changes } = await nights.run();
    expect(ids(rows)).toEqual([3]);
    expect(changes.survey.late).toBe(1);
    expect(await night()).toEqual([]);
  });

  test('a prepared transaction is one that runs', async () => {
    await sql(`begin; insert into readings values (3, '2026-02-01 10:00', 3); prepare transaction 'late'`);
    await sql(`insert into readings values (4, '2026-02-01 10:00:05', 4)`);
    expect(await night()).toEqual([1, 2, 4]);
    await sql(`commit prepared 'late'`);
    expect(await night()).toEqual([3]);
  });

  test('subtransactions count as what they belong to, whenever they ended', async () => {
    const a = await session();
    await a.query(
      `begin; insert into readings values (3, now(), 3); savepoint one; insert into readings values (4, now(), 4);
       release one; savepoint two; insert into readings values (5, now(), 5); rollback to two`,
    );
    await sql(`do $$ begin insert into readings values (6, now(), 6);
      begin insert into readings values (7, now(), 7); exception when others then null; end; end $$`);
    expect(await night()).toEqual([1, 2, 6, 7]);
    await a.query('insert into readings values (8, now(), 8); commit');
    expect(await night()).toEqual([3, 4, 8]);
    expect(await night()).toEqual([]);
  });

  test('equal rows on the bound are neither lost nor doubled', async () => {
    const a = await session();
    await a.query(`begin; insert into readings values (3, '2026-02-01 10:00:00.000001', 3)`);
    await sql(`insert into readings values (3, '2026-02-01 10:00:00.000001', 3)`);
    await sql(`insert into readings select 3, '2026-02-01 10:00:00.000001', 3 from generate_series(1, 2)`);
    expect(await night()).toEqual([1, 2, 3, 3, 3]);
    await sql(`insert into readings values (3, '2026-02-01 10:00:00.000001', 3)`);
    expect(await night()).toEqual([3]);
    await a.query('commit');
    expect(await night()).toEqual([3]);
    expect(await night()).toEqual([]);
  });

  test('readings of weeks ago that arrive today come, and so do those without a time, and both are counted', async () => {
    await night();
    await sql(`insert into readings values (3, '${monthsAgo}', 3), (4, null, 4), (5, '2026-02-02', 5)`);
    const { rows, changes } = await nights.run();
    expect(ids(rows)).toEqual([3, 4, 5]);
    expect(changes.survey).toMatchObject({ late: 1, nullCursors: 1, newest: '2026-02-02 00:00:00+00' });
  });

  test.each(['vacuum freeze readings', 'vacuum full freeze readings', 'analyze readings'])(
    '%s between two runs changes nothing',
    async (maintenance) => {
      const a = await session();
      await a.query('begin; insert into readings values (3, now(), 3)');
      await sql('insert into readings values (4, now(), 4)');
      await night();
      await a.query('commit');
      await sql('insert into readings values (5, now(), 5)');
      await sql(maintenance);
      expect(await night()).toEqual([3, 5]);
      expect(await night()).toEqual([]);
    },
  );

  test('a row that was changed is written again, and it is said how many old ones are left behind', async () => {
    await night();
    await sql('update readings set value = 9 where id = 1; delete from readings where id = 2');
    const { rows, changes } = await nights.run();
    expect(ids(rows)).toEqual([1]);
    expect(changes.gone).toBe(2);
  });

  test('rewrite finds the partitions with new, changed, moved and deleted rows, and no other', async () => {
    await sql('create table days (id int, ts timestamptz, day text)');
    await sql(`insert into days select n, now(), 'd' || n % 8 from generate_series(0, 79) n`);
    await sql(`insert into days values (100, now(), null)`);
    const days = await Nights.open(url, 'days');
    const partitionBy = ['day'];
    const first = await days.run({ partitionBy });
    const held = new Map(
      first.changes.survey.partitions.map(({ values: [day], rows }) => [
        `day=${day ?? '__HIVE_DEFAULT_PARTITION__'}`,
        rows,
      ]),
    );
    const again = await days.run({ partitionBy, onChange: 'rewrite', held });
    expect(again.rows).toEqual([]);
    expect(again.changes.touched).toEqual([]);
    await sql(`insert into days values (200, '${monthsAgo}', 'd0'); update days set ts = null where id = 1;
      update days set day = 'd3' where id = 2; delete from days where id = 4; delete from days where day = 'd5';
      insert into days values (201, now(), 'new'); delete from days where day is null`);
    const { changes, rows } = await days.run({ partitionBy, onChange: 'rewrite', held });
    expect([...changes.touched].sort()).toEqual(
      ['__HIVE_DEFAULT_PARTITION__', 'd0', 'd1', 'd2', 'd3', 'd4', 'd5', 'new'].map((day) => `day=${day}`),
    );
    const whole = await server.sql(
      new URL(url).pathname.slice(1),
      `select id from days where day in ('d0', 'd1', 'd2', 'd3', 'd4', 'new')`,
    );
    expect(ids(rows)).toEqual(ids(whole));
    await days.close();
  });

  test('a partition that is attached comes whole, however old its rows are', async () => {
    await sql(`create table measures (id int, ts timestamptz) partition by range (ts);
      create table measures_1 partition of measures for values from ('2026-01-01') to ('2026-02-01');
      create table measures_2 (id int, ts timestamptz);
      insert into measures values (1, '2026-01-02'); insert into measures_2 values (2, '2026-02-02')`);
    const own = await Nights.open(url, 'measures');
    expect(ids((await own.run()).rows)).toEqual([1]);
    await sql(
      `alter table measures attach partition measures_2 for values from ('2026-02-01') to ('2026-03-01')`,
    );
    expect(ids((await own.run()).rows)).toEqual([2]);
    await sql(`alter table measures detach partition measures_1`);
    const last = await own.run();
    expect(last.rows).toEqual([]);
    expect(last.changes.gone).toBe(1);
    await own.close();
  });

  test('columns that come and go between two runs make no row new', async () => {
    const a = await session();
    await a.query('begin; insert into readings (id) values (3)');
    await sql('insert into readings values (4, now(), 4)');
    await night();
    await a.query('commit');
    await sql(`alter table readings add unit text default 'kWh'; alter table readings drop value`);
    expect(await night()).toEqual([3]);
  });

  test('a table that was written anew by ALTER TABLE is refused, and written whole by rewrite', async () => {
    await night();
    await sql('alter table readings alter id type bigint');
    await expect(nights.run()).rejects.toMatchObject({ code: 'STATE_CONFLICT', exitCode: 4 });
    const { rows } = await nights.run({ onChange: 'rewrite', held: new Map([['', 2]]) });
    expect(rows).toHaveLength(2);
    expect(await night()).toEqual([]);
  });

  test('the state of another table, database or server is refused', async () => {
    await night();
    const { state } = nights;
    await sql('alter table readings rename to gone; create table readings (like gone)');
    await expect(nights.run()).rejects.toMatchObject({ code: 'STATE_CONFLICT', exitCode: 4 });
    const other = await server.createDatabase('nightly_other');
    await server.sql('nightly_other', 'create table readings (id int, ts timestamptz)');
    const elsewhere = await Nights.open(other, 'readings');
    elsewhere.state = state;
    await expect(elsewhere.run()).rejects.toMatchObject({ code: 'STATE_CONFLICT', exitCode: 4 });
    elsewhere.state = { ...state!, table: { ...state!.table, system: '7' } };
    await expect(elsewhere.run()).rejects.toThrow(/another server/);
    await elsewhere.close();
  });

  test('more transactions than a state may hold are refused, and the oldest that runs is named', async () => {
    const a = await session();
    const { rows } = await a.query<{ pid: number }>('select pg_backend_pid() as pid');
    await a.query(`begin; insert into readings values (3, now(), 3)`);
    for (let id = 10; id < 15; id++) await sql(`insert into readings values (${id}, now(), 1)`);
    expect(await night({ most: 6 })).toHaveLength(7);
    await expect(nights.run({ most: 5 })).rejects.toMatchObject({
      code: 'SNAPSHOT_TOO_OLD',
      exitCode: 4,
      hint: expect.stringMatching(new RegExp(`process ${rows[0]!.pid} of postgres.*insert into readings`)),
    });
    await a.query('commit');
    expect(await night({ most: 5 })).toEqual([3]);
  });

  test('one transaction with many rows is one to hold', async () => {
    const a = await session();
    await a.query(`begin; insert into readings values (3, now(), 3)`);
    await sql('insert into readings select n, now(), 0 from generate_series(1000, 8999) n');
    expect(await night({ most: 5 })).toHaveLength(8002);
    await a.query('commit');
    expect(await night({ most: 5 })).toEqual([3]);
  });

  test.each([
    ['create view odd as select * from readings', /a view/],
    ['create materialized view odd as select * from readings', /materialized view/],
    [
      'create extension file_fdw; create server files foreign data wrapper file_fdw;' +
        `create foreign table odd (id int, ts timestamptz) server files options (filename '/dev/null')`,
      /a foreign table/,
    ],
  ])('%s is refused', async (statement, what) => {
    await sql(statement);
    const odd = await Nights.open(url, 'odd');
    await expect(odd.run()).rejects.toMatchObject({ code: 'SINCE_UNSUPPORTED', exitCode: 2 });
    await expect(odd.run()).rejects.toThrow(what);
    await odd.close();
  });

  test('a table or a column that is not there, or has no order, is named', async () => {
    await sql('alter table readings add point point');
    await expect(nights.run({ column: 'time' })).rejects.toMatchObject({
      code: 'COLUMN_MISSING',
      hint: 'It has id, ts, value, point.',
    });
    await expect(nights.run({ column: 'point' })).rejects.toMatchObject({ code: 'SINCE_UNSUPPORTED' });
    const none = await Nights.open(url, 'reading');
    await expect(none.run()).rejects.toMatchObject({ code: 'TABLE_MISSING' });
    await none.close();
  });
});

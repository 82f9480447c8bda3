import { execFile } from 'node:child_process';
import { appendFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { freePort, until } from '../../servers/ports.js';
import { findPostgres, postgresUser } from '../../servers/postgres-binaries.js';
import { query, startPostgres, type PostgresServer } from '../../servers/postgres.js';
import { launch, type ServerProcess, temporaryDirectory } from '../../servers/process.js';
import { Nights } from './nightly-runs.js';

needs('postgres', 'psql')('rows that are new, as a standby sees them', () => {
  const user = postgresUser();
  const binaries = findPostgres()!;
  let primary: PostgresServer;
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let standby: ServerProcess;
  let url: string;

  beforeAll(async () => {
    primary = await startPostgres({
      settings: { wal_level: 'replica', max_wal_senders: 4, max_prepared_transactions: 5 },
    });
    directory = await temporaryDirectory('standby', user);
    const data = join(directory.path, 'data');
    const port = await freePort();
    url = `postgres://postgres@127.0.0.1:${port}/postgres`;
    await appendReplication(primary);
    await promisify(execFile)(
      join(dirname(binaries.postgres), 'pg_basebackup'),
      ['-D', data, '-d', `${primary.url}?application_name=standby`, '-R', '-X', 'stream', '-c', 'fast'],
      { cwd: directory.path, ...user },
    );
    await appendFile(join(data, 'postgresql.conf'), `port = ${port}\nhot_standby = on\n`);
    standby = await launch({
      command: binaries.postgres,
      args: ['-D', data],
      directory: directory.path,
      ...(user ? { user } : {}),
      stopSignal: 'SIGINT',
      ready: () => query(url, 'select 1').then(Boolean, () => false),
    });
  });
  afterAll(async () => {
    await standby.stop();
    await directory.remove();
    await primary.stop();
  });

  /** Lets the standby come to where the primary is. */
  async function caughtUp(): Promise<void> {
    const [wal] = await primary.sql('postgres', 'select pg_current_wal_lsn()::text as lsn');
    await until('the standby is there', async () => {
      const [there] = await query(
        url,
        `select pg_last_wal_replay_lsn() >= '${String(wal!['lsn'])}' as there`,
      );
      return there!['there'] === true;
    });
  }

  test('transactions that run on the primary look finished there, and still nothing is missed', async () => {
    await primary.sql('postgres', 'create table readings (id int, ts timestamptz)');
    const a = new pg.Client({ connectionString: primary.url });
    a.on('error', () => {});
    await a.connect();
    await a.query(
      `begin; insert into readings values (1, now()); savepoint s; insert into readings values (2, now())`,
    );
    await primary.sql(
      'postgres',
      `begin; insert into readings values (3, now()); prepare transaction 'late'`,
    );
    await primary.sql('postgres', 'insert into readings values (4, now())');
    await caughtUp();
    const nights = await Nights.open(url, 'readings');
    const ids = async () => {
      await caughtUp();
      const { rows } = await nights.run();
      return rows.map(({ id }) => id as number).sort((one, other) => one - other);
    };
    expect(await ids()).toEqual([4]);
    const [snapshot] = await query(url, 'select txid_current_snapshot()::text as text');
    // What the rule must not trust: none is named as running.
    expect(snapshot!['text']).toMatch(/^\d+:\d+:$/);
    await a.query('commit');
    await a.end();
    expect(await ids()).toEqual([1, 2]);
    await primary.sql('postgres', `commit prepared 'late'`);
    expect(await ids()).toEqual([3]);
    expect(await ids()).toEqual([]);
    // The state serves the primary as well.
    await primary.sql('postgres', 'insert into readings values (5, now())');
    const there = await Nights.open(primary.url, 'readings');
    there.state = nights.state;
    expect((await there.run()).rows.map(({ id }) => id)).toEqual([5]);
    nights.state = { ...there.state!, horizon: { oldest: 9_000_000n, next: 9_000_000n, until: 9_000_001n } };
    await expect(nights.run()).rejects.toMatchObject({ code: 'STATE_CONFLICT', exitCode: 4 });
    await there.close();
    await nights.close();
  });
});

/** Lets a standby connect. */
async function appendReplication(primary: PostgresServer): Promise<void> {
  const [file] = await primary.sql('postgres', 'show hba_file');
  await appendFile(String(file!['hba_file']), 'host replication all 127.0.0.1/32 trust\n');
  await primary.sql('postgres', 'select pg_reload_conf()');
}

import { execFile } from 'node:child_process';
import { appendFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { freePort } from '../../servers/ports.js';
import { findPostgres, postgresUser } from '../../servers/postgres-binaries.js';
import { query } from '../../servers/postgres.js';
import { launch, type ServerProcess, temporaryDirectory } from '../../servers/process.js';
import { Nights } from './nightly-runs.js';

const run = promisify(execFile);

/** Pages of pg_xact are made as XIDs come; a counter that is set leaves them out. */
const xidsOfSegment = 2 ** 20;

needs('postgres', 'psql')('rows that are new, once the counter of transactions has wrapped around', () => {
  const binaries = findPostgres()!;
  const user = postgresUser();
  let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
  let data: string;
  let url: string;
  let port: number;
  let server: ServerProcess | undefined;

  const start = async () => {
    server = await launch({
      command: binaries.postgres,
      args: ['-D', data],
      directory: directory.path,
      ...(user ? { user } : {}),
      stopSignal: 'SIGINT',
      ready: () => query(url, 'select 1').then(Boolean, () => false),
    });
  };
  /** The next transaction will be this one. */
  const goTo = async (epoch: number, xid: number) => {
    await server?.stop();
    const segment = Math.floor(xid / xidsOfSegment)
      .toString(16)
      .toUpperCase()
      .padStart(4, '0');
    await run(
      join(dirname(binaries.postgres), 'pg_resetwal'),
      ['-e', String(epoch), '-x', String(xid), '-f', data],
      {
        cwd: directory.path,
        ...user,
      },
    );
    const file = join(data, 'pg_xact', segment);
    await run('sh', ['-c', `[ -e "$0" ] || head -c 262144 /dev/zero > "$0"`, file], {
      cwd: directory.path,
      ...user,
    });
    await start();
  };
  const freeze = async () => {
    for (const { name } of await query(url, `select datname as name from pg_database where datallowconn`))
      await query(url.replace(/\/[^/]*$/, `/${String(name)}`), 'vacuum freeze');
    await query(url, 'checkpoint');
  };
  const sql = (text: string) => query(url, text);
  const ids = (rows: readonly Record<string, unknown>[]) =>
    rows.map(({ id }) => id as number).sort((a, b) => a - b);

  beforeAll(async () => {
    directory = await temporaryDirectory('wraparound', user);
    data = join(directory.path, 'data');
    port = await freePort();
    url = `postgres://postgres@127.0.0.1:${port}/postgres`;
    await run(binaries.initdb, ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-locale', '--no-sync'], {
      cwd: directory.path,
      ...user,
    });
    await appendFile(
      join(data, 'postgresql.conf'),
      `port = ${port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = ''\nfsync = off\nautovacuum = off\n`,
    );
    await writeFile(join(data, 'pg_hba.conf'), 'host all all 127.0.0.1/32 trust\n');
    await start();
    // template0 has to be frozen as well before the counter goes so far.
    await sql('alter database template0 allow_connections true');
  });
  afterAll(async () => {
    await server?.stop();
    await directory.remove();
  });

  test('frozen rows of the last round are not taken for new ones, and new ones not for those', async () => {
    await sql('create table readings (id int, ts timestamptz)');
    for (let id = 1; id <= 40; id++) await sql(`insert into readings values (${id}, now())`);
    const [oldest] = await sql('select min(xmin::text::bigint)::int as xid from readings');
    for (const xid of [1.5e9, 3e9]) {
      await freeze();
      await goTo(0, xid);
    }
    await freeze();
    await goTo(0, 2 ** 32 - 10);
    const nights = await Nights.open(url, 'readings');
    expect(ids((await nights.run()).rows)).toHaveLength(40);
    // Over the edge.
    for (let id = 101; id <= 120; id++) await sql(`insert into readings values (${id}, now())`);
    expect(ids((await nights.run()).rows)).toEqual(Array.from({ length: 20 }, (_, i) => 101 + i));
    expect(ids((await nights.run()).rows)).toEqual([]);
    await nights.close();
    // Transactions that have the numbers of those which wrote the first rows.
    await freeze();
    await goTo(1, (oldest!['xid'] as number) - 5);
    const late = await Nights.open(url, 'readings');
    expect(ids((await late.run()).rows)).toHaveLength(60);
    for (let id = 201; id <= 260; id++) await sql(`insert into readings values (${id}, now())`);
    await sql('vacuum freeze readings');
    expect(ids((await late.run()).rows)).toEqual(Array.from({ length: 60 }, (_, i) => 201 + i));
    expect(ids((await late.run()).rows)).toEqual([]);
    await late.close();
  });
});

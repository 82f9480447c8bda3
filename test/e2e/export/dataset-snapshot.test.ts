import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { readWithHyparquet } from '../../export/hyparquet.js';
import { needs } from '../../servers/needs.js';
import { query, startPostgres } from '../../servers/postgres.js';
import { temporaryDirectory } from '../../servers/process.js';
import { ownDatabase, type OwnDatabase } from '../../servers/shared.js';
import { metrifyInProcess } from '../in-process.js';
import { metrify } from '../run.js';

const rows = 20_000;

needs('postgres')('a dataset that several connections read', () => {
  let database: OwnDatabase;
  /** Of its server. */
  let port: number;
  let parent: Awaited<ReturnType<typeof temporaryDirectory>>;
  let count = 0;

  beforeAll(async () => {
    [database, parent] = await Promise.all([ownDatabase(), temporaryDirectory('snapshot')]);
    port = Number(new URL(database.url).port);
    await database.sql(
      `create table moving (id int primary key, version int not null default 0, pad text default repeat('x', 60));
       insert into moving select i from generate_series(1, ${rows}) as i;
       create table parent (id int, kind text) partition by list (kind);
       create table child_a partition of parent for values in ('a');
       create table child_b partition of parent for values in ('b') partition by range (id);
       create table child_b1 partition of child_b for values from (0) to (500);
       create table child_b2 partition of child_b for values from (500) to (100000);
       insert into parent select i, case when i % 3 = 0 then 'a' else 'b' end from generate_series(1, 30000) as i;
       create table base (id int, kind text);
       create table heir (extra int) inherits (base);
       insert into base select i, 'base' from generate_series(1, 900) as i;
       insert into heir select i, 'heir' from generate_series(901, 1800) as i;
       create view seen as select id, kind from parent;
       create table keys (id bigint, at timestamptz, day date, amount numeric, name text);
       insert into keys select i, timestamptz '2026-01-01Z' + i * interval '1 minute', date '2026-01-01' + i % 90, i / 7.0, 'n' || i
         from generate_series(-2000, 3000) as i;
       insert into keys values (null, 'infinity', '-infinity', 'NaN', null), (9223372036854775807, null, null, null, '');
       create table empty (id int)`,
    );
  });
  afterAll(() => parent.remove());

  async function exported(
    sql: string,
    options: readonly string[],
    { url = database.url, runner = metrifyInProcess } = {},
  ) {
    const folder = join(parent.path, `d${count++}`);
    const finished = await runner(['export', 'parquet', '--sql', sql, '--to', folder, ...options, '--json'], {
      env: { METRIFY_POSTGRES_URL: url },
    });
    const envelope = finished.code === 0 ? finished.json() : undefined;
    const found: Record<string, unknown>[] = [];
    for (const { path } of envelope?.result.files ?? [])
      found.push(...(await readWithHyparquet(join(folder, path))));
    return { ...finished, envelope, found };
  }

  it('has each row once, as it was at one moment, while all of them move', async () => {
    const writer = moving(database.url);
    try {
      const { envelope, found, stderr } = await exported('select * from moving', ['--parallel', '4'], {
        runner: metrify,
      });
      expect(stderr).toBe('');
      expect(envelope!.warnings).toEqual([]);
      expect(found).toHaveLength(rows);
      expect(new Set(found.map(({ id }) => id)).size).toBe(rows);
      // Each pass of the writer is one transaction, so at any moment all rows have the same version.
      expect(new Set(found.map(({ version }) => version)).size).toBe(1);
    } finally {
      expect(await writer.end()).toBeGreaterThan(0);
    }
  });

  it.each([
    ['select * from parent', undefined],
    ['select id from parent where id % 2 = 0 or kind = $$a$$', undefined],
    ['select kind, id + 1 as next from only heir', undefined],
    ['select * from empty', undefined],
    ['select * from base', 'is not a plain table'],
    ['select * from seen', 'is not a plain table'],
    ['select kind, count(*) as n from parent group by kind', 'not a plain SELECT of one table'],
    ['select p.id from parent p join base b using (id)', 'not a plain SELECT of one table'],
    ['select id from parent order by id limit 7', 'not a plain SELECT of one table'],
  ])('has the rows of: %s', async (sql, note) => {
    const { found, envelope } = await exported(sql, ['--parallel', '3']);
    const expected = await database.sql(sql);
    expect(sorted(found)).toEqual(sorted(expected));
    if (note === undefined) expect(envelope!.warnings).toEqual([]);
    else expect(envelope!.warnings.join()).toContain(note);
  });

  it.each(['id', 'at', 'day', 'amount'])('has each row once when it is divided by %s', async (column) => {
    const { found } = await exported(
      'select id, at, day, amount::text as amount_text, amount, name from keys',
      [...['--parallel', '4', '--parallel-by', column, '--infinity', 'null']],
    );
    const expected = await database.sql('select name from keys');
    const namesOf = (all: Record<string, unknown>[]) => all.map(({ name }) => String(name)).sort();
    expect(namesOf(found)).toEqual(namesOf(expected));
  });

  it('refuses to divide by a text', async () => {
    const { code, stderr } = await exported('select * from keys', [
      '--parallel',
      '2',
      '--parallel-by',
      'name',
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain('COLUMN_TYPE');
  });

  it('is right behind a pooler that keeps transactions together', async () => {
    const pooler = await pool(database.name, () => port);
    const { found } = await exported('select * from moving', ['--parallel', '3'], pooler);
    expect(new Set(found.map(({ id }) => id)).size).toBe(rows);
    await pooler.close();
  });

  it('says that a pooler leads elsewhere, where it does', async () => {
    const other = await startPostgres();
    await other.createDatabase(database.name);
    await other.sql(database.name, 'create table moving (id int, version int, pad text)');
    const pooler = await pool(database.name, (connection) => (connection % 3 === 0 ? port : other.port));
    const failed = await exported('select * from moving', ['--parallel', '3'], pooler);
    expect(failed.code).toBe(5);
    expect(failed.stderr).toContain('snapshot not visible: a transaction pooler?');
    expect(failed.stderr).toContain('--parallel 1');
    await pooler.close();
    const again = await pool(database.name, (connection) => (connection === 0 ? port : other.port));
    const { found } = await exported('select * from moving', ['--parallel', '1'], again);
    expect(found).toHaveLength(rows);
    await again.close();
    await other.stop();
  });
});

function sorted(all: readonly Record<string, unknown>[]): string[] {
  return all
    .map((row) =>
      JSON.stringify(Object.entries(row).sort(), (_, value) =>
        typeof value === 'bigint' ? `${value}` : value,
      ),
    )
    .sort();
}

/** Updates all rows, again and again. */
function moving(url: string) {
  let isOver = false;
  let passes = 0;
  const updating = (async () => {
    while (!isOver) {
      await query(url, 'update moving set version = version + 1');
      passes++;
    }
  })();
  return {
    async end() {
      isOver = true;
      await updating;
      return passes;
    },
  };
}

/** A pooler in transaction mode: each transaction of a connection has its own session, at the port that is chosen for the connection. */
async function pool(database: string, portOf: (connection: number) => number) {
  let connections = 0;
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const port = portOf(connections++);
    let startup: Buffer | undefined;
    let backend: Socket | undefined;
    const open = (first: boolean) => {
      const socket = connect(port, '127.0.0.1');
      sockets.add(socket);
      let rest = Buffer.alloc(0);
      let isReady = first;
      socket
        .on('error', () => client.destroy())
        .on('data', (data: Buffer) => {
          rest = Buffer.concat([rest, data]);
          while (rest.length >= 5 && rest.length > rest.readUInt32BE(1)) {
            const message = rest.subarray(0, rest.readUInt32BE(1) + 1);
            rest = rest.subarray(message.length);
            if (isReady) client.write(message);
            const isIdle = message[0] === 0x5a && message[5] === 0x49;
            if (isIdle && isReady) {
              backend = undefined;
              socket.end();
            }
            isReady ||= isIdle;
          }
        });
      socket.write(startup!);
      return socket;
    };
    sockets.add(client);
    client
      .on('error', () => backend?.destroy())
      .on('close', () => backend?.destroy())
      .on('data', (data) => {
        if (startup) return void (backend ??= open(false)).write(data);
        startup = data;
        backend = open(true);
      });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    url: `postgres://postgres@127.0.0.1:${port}/${database}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

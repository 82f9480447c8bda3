import { afterAll, beforeAll, expect, test } from 'vitest';
import { openPostgres, type PostgresClient } from '../../src/lib/clients/postgres.js';
import { fromBytes } from '../../src/lib/core/bytes.js';
import type { RowSource, SourcePosition } from '../../src/lib/sources/row-source.js';
import { openSql, type SqlRow } from '../../src/lib/sources/sql.js';
import { quoteIdentifier, quoteLiteral } from '../../src/lib/sql/quote.js';
import { selectOnly } from '../../src/lib/sql/select-only.js';
import { needs } from '../servers/needs.js';
import { freeze } from '../servers/process.js';
import { until } from '../servers/ports.js';
import { startPostgres, type PostgresServer } from '../servers/postgres.js';
import { ownDatabase, type OwnDatabase } from '../servers/shared.js';

const timeouts = { connectTimeoutMs: 10_000, requestTimeoutMs: 30_000 };
const never = new AbortController().signal;
const clients: PostgresClient[] = [];

async function open(url: string, signal = never, limits = timeouts): Promise<PostgresClient> {
  const client = await openPostgres({ url }, limits, signal);
  clients.push(client);
  return client;
}

async function rowsOf(source: RowSource<SqlRow>, from?: SourcePosition): Promise<SqlRow[]> {
  const rows: SqlRow[] = [];
  for await (const batch of source.batches({ signal: never, ...(from ? { from } : {}) }))
    rows.push(...batch.rows);
  return rows;
}

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
});

needs('postgres')('rows from SQL', () => {
  let database: OwnDatabase;
  let client: PostgresClient;

  const source = async (sql: string, resumeColumn?: string) =>
    openSql(client, await selectOnly(sql), { statementTimeoutMs: 30_000, resumeColumn });
  const json = async (sql: string) => {
    const rows = await source(sql);
    return (await rowsOf(rows)).map((row) => fromBytes(rows.json(row)));
  };

  /** A cancelled statement has a second to end before its connection is given up; on a busy machine one of some does. */
  async function livesOn(use: (own: PostgresClient) => Promise<void>, tries = 5): Promise<void> {
    const own = await open(database.url);
    await use(own);
    const one = own.query('select 1 as one');
    if (tries > 1 && !(await one.then(Boolean, () => false))) return livesOn(use, tries - 1);
    expect((await one).rows).toEqual([{ one: 1 }]);
    expect(await rowsOf(await openSql(own, 'select 2 as two', { statementTimeoutMs: 0 }))).toHaveLength(1);
  }

  beforeAll(async () => {
    database = await ownDatabase();
    client = await open(database.url);
  });

  test('are the same JSON as row_to_json, digit for digit', async () => {
    await database.sql(`
      CREATE TABLE kinds (
        small int2, whole int4, big int8, exact numeric, fixed numeric(12,3), single float4, double float8, yes bool,
        words text, code varchar(20), padded char(4), day date, id uuid, doc json, docb jsonb, span interval,
        ints int[], texts text[], exacts numeric[], flags bool[], days date[], nested int[][], "odd ""näme" text);
      INSERT INTO kinds SELECT
        n - 5, n * 100003, n * 1234567890123, n * 12345678901234567890.123456789012345678, n / 7.0, n / 7.0, n / 7.0, n % 2 = 0,
        E'tab\\t, line\\n, quote", back\\\\slash, \\b\\f\\r\\x01, é日本😀 ' || n, '\\N', 'ab', date '2026-11-22' + n,
        gen_random_uuid(), '{"a": [1.50, "x"],  "n": 1e400}', '{"b": 1.50}', interval '1 day' * n,
        ARRAY[n, NULL, -n], ARRAY['a"b', 'c,d', 'e\\f', '', 'NULL', NULL, '{}'], ARRAY[1.50, 2], ARRAY[true, false, NULL],
        ARRAY[date '2026-01-01'], ARRAY[[1, 2], [3, n]], 'x'
      FROM generate_series(0, 50) AS n;
      INSERT INTO kinds DEFAULT VALUES`);
    const theirs = await database.sql('SELECT row_to_json(k)::text AS json FROM kinds k');
    const compact = (text: string) => text;
    expect((await json('select * from kinds')).map(compact)).toEqual(
      theirs.map((row) => compact(String(row.json))),
    );
  });

  test('keep every digit', async () => {
    expect(
      await json(
        "select 12345678901234567890.123456789012345678 as n, 0.1::float8 as f, 'NaN'::numeric as x",
      ),
    ).toEqual(['{"n":12345678901234567890.123456789012345678,"f":0.1,"x":"NaN"}']);
    expect(
      await json("select 'Infinity'::float8 as a, '-Infinity'::float4 as b, 1e-20::float8 as c, -0.00 as d"),
    ).toEqual(['{"a":"Infinity","b":"-Infinity","c":1e-20,"d":0.00}']);
  });

  test('have timestamps in ISO 8601 and UTC', async () => {
    await database.sql(`ALTER DATABASE ${database.name} SET timezone = 'Asia/Kolkata'`);
    await database.sql(`ALTER DATABASE ${database.name} SET datestyle = 'German, DMY'`);
    const fresh = await open(database.url);
    const sql = await selectOnly(
      `select timestamptz '2026-11-22 17:30:00.123456+01' as zoned, timestamp '2026-11-22 16:30:00' as bare,
         date '2026-11-22' as day, 'infinity'::timestamptz as ever, timestamptz '0044-03-15 12:00:00+00 BC' as old,
         '-infinity'::timestamp as never, array[timestamptz '2026-11-22 16:30:00+00'] as list`,
    );
    const rows = await openSql(fresh, sql, { statementTimeoutMs: 30_000 });
    const [row] = await rowsOf(rows);
    expect(JSON.parse(rows.json(row!))).toEqual({
      zoned: '2026-11-22T16:30:00.123456Z',
      bare: '2026-11-22T16:30:00Z',
      day: '2026-11-22',
      ever: 'infinity',
      old: '0044-03-15 12:00:00+00 BC',
      never: '-infinity',
      list: ['2026-11-22T16:30:00Z'],
    });
    expect(rows.column('zoned')(row!)).toBe('2026-11-22T16:30:00.123456Z');
    expect(rows.fields(row!).slice(0, 4)).toEqual([
      'zoned',
      '2026-11-22T16:30:00.123456Z',
      'bare',
      '2026-11-22T16:30:00Z',
    ]);
  });

  test('give fields as text and leave nulls out of a hash', async () => {
    const rows = await source(
      "select 1.50 as a, null::text as b, 'é' as c, true as d, '\\xdead'::bytea as e",
    );
    const [row] = await rowsOf(rows);
    expect(rows.columns.map(({ name }) => name)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(rows.column('b')(row!)).toBeNull();
    expect(rows.column('a')(row!)).toBe('1.50');
    expect(rows.fields(row!).map(fromBytes)).toEqual(['a', '1.50', 'c', 'é', 'd', 't', 'e', '\\xdead']);
    expect(() => rows.column('z')).toThrow(expect.objectContaining({ code: 'COLUMN_MISSING', exitCode: 2 }));
  });

  test('take a domain by its base type', async () => {
    await database.sql('CREATE DOMAIN kwh AS numeric(10,2) CHECK (VALUE >= 0)');
    expect(await json('select 1.5::kwh as v')).toEqual(['{"v":1.50}']);
  });

  test('come in batches, are counted, estimated, and can be read again', async () => {
    await database.sql(
      'CREATE TABLE many AS SELECT n AS id, repeat(chr(233), n % 50) AS text FROM generate_series(1, 60000) n',
    );
    await database.sql('ANALYZE many');
    const rows = await source('select * from many');
    expect(rows.estimatedRows).toBe(60_000);
    for (let pass = 0; pass < 2; pass++) {
      let count = 0;
      let bytes = 0;
      for await (const batch of rows.batches({ signal: never })) {
        expect(batch.rows.length).toBeLessThanOrEqual(5000);
        count += batch.rows.length;
        expect(batch.position.rows).toBe(count);
        for (const row of batch.rows) bytes += row[1]!.length;
      }
      expect(count).toBe(60_000);
      expect(bytes).toBe((60_000 / 50) * ((49 * 50) / 2) * 2);
    }
  });

  test('leaving early frees the connection', async () => {
    const sql = await selectOnly(
      'select n, pg_sleep(0.001 * (n / 100000)) from generate_series(1, 10000000) n',
    );
    await livesOn(async (own) => {
      const rows = await openSql(own, sql, { statementTimeoutMs: 30_000 });
      for await (const batch of rows.batches({ signal: never })) {
        expect(batch.rows.length).toBeGreaterThan(0);
        break;
      }
    });
  });

  test.each([
    ['id int', 'select n as k, n * 10 as v from generate_series(1, 9000) n order by v desc', 'k'],
    ['text', "select 'k''\\' || lpad(n::text, 5, '0') as k from generate_series(1, 9000) n", 'k'],
    [
      'timestamptz',
      "select timestamptz '2026-01-01 00:00:00+02' + n * interval '1 second' as k from generate_series(1, 9000) n",
      'k',
    ],
    ['numeric', 'select n / 7.0 as "K ""x" from generate_series(1, 9000) n', 'K "x'],
  ])('continue after a resume column of type %s', async (_, sql, column) => {
    const rows = await source(sql, column);
    const all: SqlRow[] = [];
    const positions: SourcePosition[] = [];
    for await (const batch of rows.batches({ signal: never })) {
      all.push(...batch.rows);
      positions.push(batch.position);
    }
    expect(all).toHaveLength(9000);
    const from = positions[0]!;
    expect(from.rows).toBeLessThan(9000);
    expect(await rowsOf(rows, from)).toEqual(all.slice(from.rows));
    expect(await rowsOf(rows, positions.at(-1)!)).toEqual([]);
  });

  test('refuse a resume column that would lose rows', async () => {
    const read = async (sql: string, column: string) => rowsOf(await source(sql, column));
    const failure = (code: string) => expect.objectContaining({ code, exitCode: 2 });
    await expect(read('select 1 as k union all select 1', 'k')).rejects.toEqual(
      failure('RESUME_COLUMN_NOT_UNIQUE'),
    );
    await expect(read('values (1.5), (1.50)', 'column1')).rejects.toEqual(
      failure('RESUME_COLUMN_NOT_UNIQUE'),
    );
    await expect(read('values (1), (null)', 'column1')).rejects.toEqual(failure('RESUME_COLUMN_NOT_UNIQUE'));
    await expect(read("select interval '1 day' as k", 'k')).rejects.toEqual(
      failure('RESUME_COLUMN_UNSUITABLE'),
    );
    await expect(read('select 1 as k', 'j')).rejects.toEqual(failure('COLUMN_MISSING'));
    const plain = await source('select 1 as k');
    await expect(rowsOf(plain, { rows: 1 })).rejects.toEqual(failure('RESUME_UNSUPPORTED'));
  });

  test('refuse two columns of one name, unknown tables and writing functions', async () => {
    const failure = (code: string) => expect.objectContaining({ code, exitCode: 2 });
    await expect(source('select 1 as a, 2 as a')).rejects.toEqual(failure('COLUMN_DUPLICATE'));
    await expect(source('select * from missing')).rejects.toEqual(failure('SQL_FAILED'));
    await database.sql(`CREATE TABLE untouched (id int);
      CREATE FUNCTION sneak() RETURNS int LANGUAGE sql VOLATILE AS 'INSERT INTO untouched VALUES (1) RETURNING 1'`);
    await expect(json('select sneak() as s')).rejects.toEqual(failure('SQL_FAILED'));
    await expect(
      json("select set_config('transaction_read_only', 'off', true) as c, sneak() as s"),
    ).rejects.toEqual(failure('SQL_FAILED'));
    expect(await database.sql('SELECT count(*)::int AS n FROM untouched')).toEqual([{ n: 0 }]);
  });

  test('a division by zero in the middle is the query’s fault', async () => {
    await expect(json('select 1 / (5000 - n) as x from generate_series(1, 9000) n')).rejects.toThrow(
      /division by zero \(22012\)/,
    );
  });

  test('stop when the server is too slow for the next rows, and the connection lives on', async () => {
    // It lasts longer than the test may.
    const sql = await selectOnly('select pg_sleep(3600), 1 as a');
    await livesOn(async (own) => {
      const rows = await openSql(own, sql, { statementTimeoutMs: 300 });
      await expect(rowsOf(rows)).rejects.toThrow(expect.objectContaining({ exitCode: 5 }));
    });
  });

  test('a slow reader is not cut off by the time-out', async () => {
    const sql = await selectOnly("select n, repeat('x', 1000) as t from generate_series(1, 30000) n");
    const rows = await openSql(client, sql, { statementTimeoutMs: 4000 });
    let count = 0;
    for await (const batch of rows.batches({ signal: never })) {
      if (count === 0) await new Promise((resolve) => setTimeout(resolve, 5500));
      count += batch.rows.length;
    }
    expect(count).toBe(30_000);
  });

  test('an abort cancels the statement on the server and rejects with the reason', async () => {
    const controller = new AbortController();
    const own = await open(database.url, controller.signal);
    const rows = await openSql(own, await selectOnly("select pg_sleep(3600), 'marked' as a"), {
      statementTimeoutMs: 0,
    });
    const reason = new Error('enough');
    const running = () =>
      database.sql("SELECT pid FROM pg_stat_activity WHERE query LIKE 'COPY%marked%' AND state = 'active'");
    const reading = expect(rowsOf(rows)).rejects.toBe(reason);
    await until('the statement runs', async () => (await running()).length === 1);
    controller.abort(reason);
    await reading;
    await own.close();
    await until('it runs no more', async () => (await running()).length === 0);
  });

  test('random text survives', async () => {
    const texts = Array.from({ length: 300 }, (_, i) =>
      Array.from(
        { length: i % 17 },
        (_, j) =>
          ['\\', '\n', '\t', '\r', '"', "'", 'N', '\\N', '\\.', 'é', '😀', '\b', '{', ','][
            (i * 7 + j * 5) % 14
          ],
      ).join(''),
    );
    await database.sql('CREATE TABLE texts (id int, text text, list text[])');
    await database.sql(
      'INSERT INTO texts SELECT i, t, ARRAY[t, t] FROM unnest($1::text[]) WITH ORDINALITY AS u(t, i)',
      [texts],
    );
    const parsed = (await json('select * from texts order by id')).map((line) => JSON.parse(line) as unknown);
    expect(parsed).toEqual(texts.map((text, i) => ({ id: i + 1, text, list: [text, text] })));
    for (const text of texts) {
      const rows = await database.sql(`SELECT ${quoteLiteral(text)} AS ${quoteIdentifier(`c${text}`)}`);
      if (Buffer.byteLength(text) < 60) expect(rows).toEqual([{ [`c${text}`]: text }]);
    }
  });

  test('COPY IN writes rows and explains its errors', async () => {
    await database.sql('CREATE TABLE target (id int PRIMARY KEY)');
    const fill = (data: string) =>
      new Promise<void>((resolve, reject) => {
        const stream = client.copyIn('COPY target FROM STDIN');
        stream.on('error', reject).on('finish', resolve);
        stream.end(data);
      });
    await fill('1\n2\n');
    expect((await client.query('select count(*)::int as n from target')).rows).toEqual([{ n: 2 }]);
    await expect(fill('3\n1\n')).rejects.toThrow(/duplicate key/);
    expect((await client.query('select count(*)::int as n from target')).rows).toEqual([{ n: 2 }]);
  });
});

needs('postgres')('a PostgreSQL that is away', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server?.stop());

  const failing = (name: string) => expect.objectContaining({ name, exitCode: 5 });

  test('refuses a wrong password, an unknown database and a forbidden table; the password is not repeated', async () => {
    const wrong = server.guarded.url.replace('sesame', 'S3cretWord');
    const error: Error = await open(wrong).then(
      () => expect.unreachable(),
      (failure: Error) => failure,
    );
    expect(error).toEqual(failing('ServiceRefused'));
    expect(error.message).toContain(`127.0.0.1:${server.port}`);
    expect(`${error.message} ${String(error.cause)}`).not.toContain('S3cretWord');
    await expect(open(`${server.url}_missing`)).rejects.toEqual(failing('ServiceRefused'));
    await server.sql('postgres', 'CREATE TABLE private (id int)');
    const guarded = await open(server.guarded.url);
    await expect(guarded.query('SELECT * FROM private')).rejects.toEqual(failing('ServiceRefused'));
    expect((await guarded.query('SELECT current_user AS u')).rows).toEqual([{ u: 'guarded' }]);
  });

  test('refuses TLS that it has not', async () => {
    await expect(open(`${server.url}?sslmode=require`)).rejects.toEqual(failing('ServiceRefused'));
  });

  test('is named when nothing listens or the host is unknown', async () => {
    await expect(open('postgres://u:S3cretWord@127.0.0.1:1/db')).rejects.toThrow(
      /127\.0\.0\.1:1\/db is not available/,
    );
    await expect(open('postgres://u@no-such-host.invalid/db')).rejects.toEqual(failing('ServiceUnavailable'));
  });

  test('that hangs is given up within the time-outs', async () => {
    // Long enough for a server that answers, and stalls meanwhile.
    const limits = { connectTimeoutMs: 3000, requestTimeoutMs: 3000 };
    const client = await open(server.url, never, limits);
    server.pause();
    try {
      const started = performance.now();
      await expect(open(server.url, never, limits)).rejects.toEqual(failing('ServiceUnavailable'));
      expect(performance.now() - started).toBeLessThan(30_000);
    } finally {
      server.resume();
    }
    await expect(client.query('select pg_sleep(3600)')).rejects.toEqual(failing('ServiceUnavailable'));
    expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
    freeze(rows[0]!.pid);
    try {
      const started = performance.now();
      await expect(client.query('select 1')).rejects.toEqual(failing('ServiceUnavailable'));
      expect(performance.now() - started).toBeLessThan(30_000);
      await expect(client.query('select 1')).rejects.toEqual(failing('ServiceUnavailable'));
    } finally {
      process.kill(rows[0]!.pid, 'SIGCONT');
    }
  });

  test('that dies while rows are read is unavailable, at once', async () => {
    const client = await open(server.url);
    const sql = "SELECT n, repeat('x', 500) AS t FROM generate_series(1, 1000000) n";
    const source = await openSql(client, sql, { statementTimeoutMs: 0 });
    let rows = 0;
    const reading = (async () => {
      for await (const batch of source.batches({ signal: never })) {
        if (rows === 0) await server.kill();
        rows += batch.rows.length;
      }
    })();
    await expect(reading).rejects.toEqual(failing('ServiceUnavailable'));
    expect(rows).toBeLessThan(1_000_000);
    await expect(client.query('select 1')).rejects.toEqual(failing('ServiceUnavailable'));
    await client.close();
    await server.restart();
  });

  test('that ends our connection while we wait is unavailable', async () => {
    const client = await open(server.url);
    const waiting = expect(client.query('select pg_sleep(3600)')).rejects.toEqual(
      failing('ServiceUnavailable'),
    );
    const end =
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND state = 'active' AND pid <> pg_backend_pid()";
    await until('the server has it', async () => (await server.sql('postgres', end)).length > 0);
    await waiting;
    await expect(client.query('select 1')).rejects.toEqual(failing('ServiceUnavailable'));
  });
});

import { beforeAll, expect, test } from 'vitest';

import { queueStatus, releaseKey } from '../../../src/lib/cache/write-behind/queue.js';
import { partitionKeys, partitionOf } from '../../../src/lib/cache/write-behind/keys.js';
import { newOperationId } from '../../../src/lib/cache/write-behind/operation-id.js';
import { acknowledgeUpTo } from '../../../src/lib/cache/write-behind/scripts.js';
import { needs } from '../../servers/needs.js';
import { type Bench, queueBench } from './setup.js';
import { toBytes } from '../../../src/lib/core/bytes.js';

const tables = {
  sensor_data: { key: ['sensor_id'] },
  history: { key: ['id'] },
  steps: { key: ['id'] },
  missing: { key: ['id'] },
  zähler: { key: ['größe'] },
  'other.place': { key: ['a', 'B"x'] },
};

needs('redis', 'postgres')('write-behind', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await queueBench(tables);
    await bench.database.sql(`
      CREATE TABLE sensor_data (sensor_id bigint PRIMARY KEY, kwh numeric, name varchar(8), seen timestamptz, tags jsonb, blob bytea);
      CREATE TABLE history (id bigserial PRIMARY KEY, sensor_id bigint NOT NULL, kwh numeric(6,2) CHECK (kwh >= 0));
      CREATE TABLE zähler (größe text PRIMARY KEY, "ß" text);
      CREATE SCHEMA other;
      CREATE TABLE other.place (a int, "B""x" text, v text, PRIMARY KEY (a, "B""x"))`);
  });
  const partition = (key: string) => partitionKeys(partitionOf(toBytes(key), 16));
  const row = async (id: number | bigint) =>
    (await bench.database.sql('SELECT * FROM sensor_data WHERE sensor_id = $1', [String(id)]))[0];

  test('all four operations, in order, with every digit and type kept', async () => {
    const writer = await bench.writer();
    const big = 9_007_199_254_740_993n;
    const put = (json: string, operation: 'insert' | 'update' | 'upsert' | 'delete') =>
      writer.writeBehind(toBytes('meter:1'), undefined, { table: 'sensor_data', row: { json } }, operation);
    await put(`{"sensor_id":1,"kwh":0.12345678901234567890123,"name":"a\\"é"}`, 'insert');
    await put('{"sensor_id":1,"kwh":2}', 'update');
    await put('{"sensor_id":1,"name":"b"}', 'upsert');
    await writer.writeBehind(
      toBytes('meter:2'),
      toBytes('x'),
      { table: 'sensor_data', row: { sensor_id: 2 } },
      'insert',
    );
    await writer.writeBehind(
      toBytes('meter:2'),
      null,
      { table: 'sensor_data', row: { sensor_id: 2 } },
      'delete',
    );
    await writer.writeBehind(
      toBytes('meter:big'),
      undefined,
      {
        table: 'sensor_data',
        row: {
          sensor_id: big,
          kwh: Number.NaN,
          seen: new Date(0),
          tags: { a: [1, null], n: 12345678901234567890n },
          blob: Buffer.from([0, 255]),
        },
      },
      'insert',
    );
    await writer.writeBehind(toBytes('p'), undefined, {
      table: 'other.place',
      row: { a: 1, 'B"x': `'"\\`, v: null },
    });
    await writer.writeBehind(toBytes('schlüssel'), undefined, {
      table: 'zähler',
      row: { größe: 'ä', ß: '€' },
    });
    const result = await bench.drain();
    expect(await bench.database.sql('SELECT * FROM zähler')).toEqual([{ größe: 'ä', ß: '€' }]);
    expect(result).toMatchObject({ applied: 8, repeated: 0, failed: 0, held: 0, losses: [] });
    expect(await row(1)).toMatchObject({ kwh: '2', name: 'b' });
    expect(await row(2)).toBeUndefined();
    expect(await row(big)).toMatchObject({ kwh: 'NaN', seen: new Date(0), blob: Buffer.from([0, 255]) });
    expect(await bench.database.sql(`SELECT tags::text FROM sensor_data WHERE sensor_id = ${big}`)).toEqual([
      { tags: '{"a": [1, null], "n": 12345678901234567890}' },
    ]);
    expect(await bench.database.sql('SELECT * FROM other.place')).toEqual([{ a: 1, 'B"x': `'"\\`, v: null }]);
    expect(await queueStatus(bench.client)).toMatchObject({ waiting: 0, dead: 0, lost: 0 });
    expect(await bench.client.call(['HLEN', partition('meter:1').pending])).toBe(0);
  });

  test('a reader sees the queued value until it is in the table', async () => {
    const writer = await bench.writer();
    const target = { table: 'sensor_data', row: { sensor_id: 10, kwh: 1 } };
    const first = await writer.writeBehind(toBytes('meter:10'), toBytes('one'), target);
    const second = await writer.writeBehind(toBytes('meter:10'), toBytes('two'), target);
    expect(second.version).toBeGreaterThan(first.version);
    expect(await writer.pendingValue(toBytes('meter:10'))).toEqual({ value: 'two', version: second.version });
    await writer.writeBehind(toBytes('meter:10'), null, target, 'delete');
    const waiting = writer.pendingValue(toBytes('meter:10'));
    await bench.drain();
    expect(await waiting).toBeUndefined();
    expect(await writer.pendingValue(toBytes('meter:10'))).toBeUndefined();
  });

  test('what is refused is refused before it is queued', async () => {
    const writer = await bench.writer();
    const refuse = (table: string, row: Record<string, unknown>, operation: 'update' | 'upsert' = 'upsert') =>
      writer.writeBehind(toBytes('k'), toBytes('v'), { table, row }, operation).then(
        () => 'queued',
        (error: { code: string }) => error.code,
      );
    expect(await refuse('pg_class', { oid: 1 })).toBe('TABLE_UNKNOWN');
    expect(await refuse('constructor', { oid: 1 })).toBe('TABLE_UNKNOWN');
    expect(await refuse('sensor_data', { kwh: 1 })).toBe('KEY_MISSING');
    expect(await refuse('sensor_data', { sensor_id: 1 }, 'update')).toBe('ROW_INVALID');
    expect(await refuse('sensor_data', { sensor_id: 1, kwh: () => 1 })).toBe('ROW_INVALID');
    expect((await queueStatus(bench.client)).waiting).toBe(0);
    await expect(bench.writer({ partitions: 8 })).rejects.toMatchObject({
      code: 'QUEUE_PARTITIONS',
      exitCode: 4,
    });
    await expect(bench.writer({ durability: 'fsync' })).rejects.toMatchObject({ code: 'NOT_DURABLE' });
    await expect(bench.writer({ durability: 'replica' })).rejects.toMatchObject({ code: 'NO_REPLICA' });
  });

  test('a repeated operation id is applied once, wherever the first one is by now', async () => {
    const writer = await bench.writer();
    const operationId = newOperationId();
    const write = () =>
      writer.writeBehind(
        toBytes('once'),
        toBytes('v'),
        { table: 'history', row: { sensor_id: 77, kwh: 1 } },
        'insert',
        {
          operationId,
        },
      );
    const first = await write();
    expect((await write()).id).toBe(first.id);
    await bench.drain();
    await write();
    // Whether the first was applied is not known to the queue: readers wait for the worker.
    const waiting = writer.pendingValue(toBytes('once'));
    expect(await bench.drain()).toMatchObject({ applied: 0, repeated: 1 });
    expect(await waiting).toBeUndefined();
    expect(await bench.database.sql('SELECT count(*)::int n FROM history WHERE sensor_id = 77')).toEqual([
      { n: 1 },
    ]);
  });

  test('poison holds back its key and no other; retry goes first, drop gives it up', async () => {
    const writer = await bench.writer();
    const put = (key: string, id: number, name: string) =>
      writer.writeBehind(toBytes(key), toBytes(name), { table: 'sensor_data', row: { sensor_id: id, name } });
    for (let i = 0; i < 300; i++) await put(`ok:${i}`, 1000 + i, 'fine');
    await put('bad', 2000, 'before');
    await put('bad', 2000, 'far too long');
    await put('bad', 2000, 'after');
    await put('bad2', 2001, 'much too long');
    await put('bad2', 2001, 'later');
    const result = await bench.drain();
    expect(result).toMatchObject({ applied: 301, failed: 2, held: 2 });
    expect(result.failures.map(({ key }) => key).sort()).toEqual(['bad', 'bad2']);
    expect(result.failures[0]!.reason).toMatch(/value too long.*22001/);
    expect(await row(2000)).toMatchObject({ name: 'before' });
    expect(await writer.pendingValue(toBytes('bad'))).toMatchObject({ value: 'after' });

    await put('bad', 2000, 'last');
    expect(await bench.drain()).toMatchObject({ applied: 0, failed: 0, held: 1 });
    const status = await queueStatus(bench.client);
    expect(status).toMatchObject({ dead: 5, heldKeys: 2, waiting: 0 });
    expect(status.held.find(({ key }) => key === 'bad')).toMatchObject({ entries: 3, table: 'sensor_data' });

    // Still poison: goes back as it was, in order.
    expect(await releaseKey(bench.client, 'bad', false)).toMatchObject({ released: 3, dropped: 0 });
    expect(await bench.drain()).toMatchObject({ applied: 0, failed: 1, held: 2 });

    await bench.database.sql('ALTER TABLE sensor_data ALTER name TYPE text');
    await bench.database.sql(`CREATE TABLE audit (at serial, name text);
      CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit (name) VALUES (NEW.name); RETURN NEW; END';
      CREATE TRIGGER note AFTER INSERT OR UPDATE ON sensor_data FOR EACH ROW EXECUTE FUNCTION note()`);
    expect(await releaseKey(bench.client, 'bad', false)).toMatchObject({ released: 3 });
    await put('bad', 2000, 'newest');
    expect(await bench.drain()).toMatchObject({ applied: 4, failed: 0, held: 0 });
    expect((await bench.database.sql('SELECT name FROM audit ORDER BY at')).map(({ name }) => name)).toEqual([
      'far too long',
      'after',
      'last',
      'newest',
    ]);
    expect(await releaseKey(bench.client, 'bad2', true)).toMatchObject({ released: 1, dropped: 1 });
    expect(await bench.drain()).toMatchObject({ applied: 1 });
    expect(await row(2001)).toMatchObject({ name: 'later' });
    expect(await queueStatus(bench.client)).toMatchObject({ waiting: 0, dead: 0, heldKeys: 0 });
    expect(await writer.pendingValue(toBytes('bad'))).toBeUndefined();
  });

  test('an update that meets no row, a missing table, a check: reasons that say so', async () => {
    const writer = await bench.writer();
    await writer.writeBehind(
      toBytes('u'),
      toBytes('v'),
      { table: 'sensor_data', row: { sensor_id: 404, kwh: 1 } },
      'update',
    );
    await writer.writeBehind(
      toBytes('c'),
      toBytes('v'),
      { table: 'history', row: { sensor_id: 1, kwh: -1 } },
      'insert',
    );
    await writer.writeBehind(
      toBytes('f'),
      toBytes('v'),
      { table: 'history', row: { sensor_id: 1, kwh: 10_000 } },
      'insert',
    );
    await writer.writeBehind(
      toBytes('g'),
      toBytes('v'),
      { table: 'history', row: { sensor_id: 1, nothing: 1 } },
      'insert',
    );
    for (let i = 0; i < 50; i++)
      await writer.writeBehind(
        toBytes(`m:${i}`),
        toBytes('v'),
        { table: 'missing', row: { id: i } },
        'insert',
      );
    const result = await bench.drain();
    expect(result).toMatchObject({ applied: 0, failed: 54, held: 0 });
    const reason = (key: string) => result.failures.find((failure) => failure.key === key)!.reason;
    expect(reason('u')).toMatch(/no row/);
    expect(reason('c')).toMatch(/23514/);
    expect(reason('f')).toMatch(/22003/);
    expect(reason('g')).toMatch(/42703/);
    expect(reason('m:0')).toMatch(/42P01/);
    await bench.database.sql('CREATE TABLE missing (id int PRIMARY KEY)');
    for (let i = 0; i < 50; i++) await releaseKey(bench.client, `m:${i}`, false);
    expect(await bench.drain()).toMatchObject({ applied: 50 });
    for (const key of ['u', 'c', 'f', 'g']) await releaseKey(bench.client, key, true);
  });

  test('a column dropped while entries wait: put aside with their order, and applied once it is back', async () => {
    await bench.database.sql('CREATE TABLE steps (id int, seq int, kwh numeric, at bigserial)');
    const writer = await bench.writer();
    const put = (id: number, row: Record<string, number>) =>
      writer.writeBehind(toBytes(`step:${id}`), undefined, { table: 'steps', row: { id, ...row } }, 'insert');
    for (let id = 0; id < 20; id++) await put(id, { seq: 1, kwh: id });
    // Behind an entry that needs the column, one that does not; and a key that never needed it.
    for (let id = 0; id < 20; id++) await put(id, { seq: 2 });
    await put(99, { seq: 1 });
    await bench.database.sql('ALTER TABLE steps DROP kwh');
    const result = await bench.drain();
    expect(result).toMatchObject({ applied: 1, failed: 20, held: 20, losses: [] });
    expect(result.failures[0]!.reason).toMatch(/kwh.*42703/);
    expect(await bench.database.sql('SELECT id, seq FROM steps')).toEqual([{ id: 99, seq: 1 }]);

    await bench.database.sql('ALTER TABLE steps ADD kwh numeric');
    for (let id = 0; id < 20; id++)
      expect(await releaseKey(bench.client, `step:${id}`, false)).toMatchObject({ released: 2 });
    expect(await bench.drain()).toMatchObject({ applied: 40, failed: 0, held: 0 });
    expect(
      await bench.database.sql(
        'SELECT id, array_agg(seq ORDER BY at) AS seqs, sum(kwh)::int AS kwh FROM steps WHERE id < 99 GROUP BY id ORDER BY id',
      ),
    ).toEqual(Array.from({ length: 20 }, (_, id) => ({ id, seqs: [1, 2], kwh: id })));
    expect(await queueStatus(bench.client)).toMatchObject({ waiting: 0, dead: 0 });
  });

  test('a stream with another history than the worker read keeps what it has', async () => {
    const writer = await bench.writer();
    const keys = partition('history:1');
    const put = () =>
      writer.writeBehind(
        toBytes('history:1'),
        toBytes('v'),
        { table: 'history', row: { sensor_id: 8, kwh: 1 } },
        'insert',
      );
    await put();
    const { id } = await put();
    const trimmed = (operationId: string) =>
      acknowledgeUpTo.run(
        bench.client,
        [keys.stream, keys.pending, keys.progress],
        [toBytes(id), toBytes(operationId), '0', toBytes('history:1'), toBytes(`S${id}`)],
      );
    // The id is there, but it is another entry's than the one that was applied; or it is nowhere.
    expect(await trimmed(newOperationId())).toBe(0);
    expect(await bench.client.call(['XLEN', keys.stream])).toBe(2);
    expect(await writer.pendingValue(toBytes('history:1'))).toMatchObject({ value: 'v' });
    expect(await bench.drain()).toMatchObject({ applied: 2, losses: [] });
  });

  test('what somebody else put into the stream is put aside, and never run', async () => {
    const keys = partition('evil');
    const add = (...fields: string[]) =>
      bench.client.call(['XADD', keys.stream, '*', ...fields.map(toBytes)]);
    const op = newOperationId();
    await add('hello', 'world');
    await add('do', `${op} insert pg_authid`, 'key', 'evil', 'row', '{"a":1}');
    const smuggled = '{"sensor_id":6660},{"sensor_id":6661}';
    await add('do', `${newOperationId()} insert sensor_data`, 'key', 'evil2', 'row', smuggled);
    await add('do', `x'${op} insert sensor_data`, 'key', 'evil3', 'row', '{"sensor_id":1}');
    const result = await bench.drain();
    expect(result).toMatchObject({ applied: 0, failed: 4 });
    expect(result.failures.map(({ reason }) => reason)).toEqual([
      'malformed: it has no key',
      'table pg_authid is not named in cache.writeBehind.tables',
      'malformed: its row is no JSON',
      'malformed: its operation id is no UUID',
    ]);
    for (const { key } of result.failures)
      expect(await releaseKey(bench.client, key, true)).toMatchObject({ dropped: 1 });
    expect(await queueStatus(bench.client)).toMatchObject({ waiting: 0, dead: 0 });
  });

  test('a stream trimmed, removed or set back behind our back is reported, with the keys it hit', async () => {
    const writer = await bench.writer();
    const name = 'trim:1';
    const keys = partition(name);
    const put = (key: string) =>
      writer.writeBehind(
        toBytes(key),
        toBytes('v'),
        { table: 'history', row: { sensor_id: 5, kwh: 1 } },
        'insert',
      );
    const same = Array.from({ length: 4000 }, (_, i) => `trim:${i}`).filter(
      (key) => partitionOf(toBytes(key), 16) === partitionOf(toBytes(name), 16),
    );
    for (const key of same.slice(0, 10)) await put(key);
    await bench.client.call(['XTRIM', keys.stream, 'MAXLEN', '7']);
    const trimmed = await bench.drain();
    expect(trimmed).toMatchObject({ applied: 7, losses: [{ entries: 3 }] });
    expect([...trimmed.losses[0]!.keys].sort()).toEqual(same.slice(0, 3).sort());
    expect(bench.warnings.at(-1)).toMatch(/3 queued writes are gone/);

    for (const key of same.slice(10, 15)) await put(key);
    await bench.client.call(['DEL', keys.stream]);
    const removed = await bench.drain();
    expect(removed).toMatchObject({ applied: 0, losses: [{ entries: 5 }] });
    expect([...removed.losses[0]!.keys].sort()).toEqual(same.slice(10, 15).sort());
    expect(await writer.pendingValue(toBytes(same[10]!))).toBeUndefined();

    expect((await queueStatus(bench.client)).lost).toBe(8);

    await bench.client.call(['DEL', keys.stream, keys.counter, keys.progress, keys.token]);
    await put(same[0]!);
    expect(await bench.drain()).toMatchObject({ applied: 1, losses: [{ entries: 0 }] });
    await put(same[0]!);
    expect(await bench.drain()).toMatchObject({ applied: 1, losses: [] });
  });
});

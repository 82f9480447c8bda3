import { beforeAll, expect, onTestFinished, test, vi } from 'vitest';

import { partitionKeys, partitionOf } from '../../../src/lib/cache/write-behind/keys.js';
import { agreePartitions } from '../../../src/lib/cache/write-behind/preflight.js';
import { queueStatus, releaseKey } from '../../../src/lib/cache/write-behind/queue.js';
import {
  acknowledge,
  acknowledgeUpTo,
  acquire,
  bury,
  letGo,
  noteLoss,
} from '../../../src/lib/cache/write-behind/scripts.js';
import { Script } from '../../../src/lib/clients/redis/script.js';
import { WriteBehind } from '../../../src/lib/cache/write-behind/writer.js';
import type { CommandPart } from '../../../src/lib/clients/redis/resp.js';
import { openRedis } from '../../../src/lib/clients/redis/client.js';
import { needs } from '../../servers/needs.js';
import { startRedis } from '../../servers/redis.js';
import { type Bench, queueBench, timeouts } from './setup.js';
import { toBytes, type ByteString } from '../../../src/lib/core/bytes.js';

const tables = { rows: { key: ['id'] } };

needs('redis', 'postgres')('write-behind in trouble', () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await queueBench(tables);
    await bench.database.sql('CREATE TABLE rows (id int PRIMARY KEY, name varchar(8))');
  });
  const settle = async () => {
    expect(await queueStatus(bench.client)).toMatchObject({ waiting: 0, dead: 0, heldKeys: 0 });
  };

  test('metrify’s own table is gone while a worker runs: it ends, nothing is buried, the next one continues', async () => {
    const writer = await bench.writer();
    const put = (id: number) =>
      writer.writeBehind(
        toBytes(`own:${id}`),
        undefined,
        { table: 'rows', row: { id, name: 'a' } },
        'upsert',
      );
    await put(0);
    const running = bench.drain({ untilEmpty: false });
    const ended = running.catch((error: unknown) => error);
    await expect.poll(() => bench.database.sql('SELECT id FROM rows')).toHaveLength(1);
    await bench.database.sql('DROP TABLE metrify_queue_applied');
    for (let id = 0; id < 40; id++) await put(id);
    const error = await ended;
    expect(error).toMatchObject({ code: 'QUEUE_TABLES' });
    expect((error as Error).message).toMatch(/"metrify_queue_applied" does not exist/);
    expect(await queueStatus(bench.client)).toMatchObject({ waiting: 40, dead: 0, heldKeys: 0 });

    expect(await bench.drain()).toMatchObject({ applied: 40, failed: 0 });
    await settle();
  });

  test('a right to metrify’s own table is missing: nothing is buried, not even beside real poison', async () => {
    const role = `worker_${bench.database.name}`;
    await bench.database.sql(`CREATE ROLE ${role} LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role};
      REVOKE INSERT ON metrify_queue_applied FROM ${role}`);
    onTestFinished(async () => {
      await bench.database.sql(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    });
    const url = bench.database.url.replace(/\/\/[^@]*@/, `//${role}@`);
    const writer = await bench.writer();
    const put = (id: number, name: string) =>
      writer.writeBehind(toBytes(`right:${id}`), undefined, { table: 'rows', row: { id, name } }, 'upsert');
    for (let id = 100; id < 110; id++) await put(id, 'fine');
    await expect(bench.drain({ postgres: { url } })).rejects.toThrow(
      /permission denied for table metrify_queue_applied/,
    );
    expect(await queueStatus(bench.client)).toMatchObject({ waiting: 10, dead: 0 });

    // Where the careful way, which poison leads to, meets it.
    await bench.database.sql(`GRANT INSERT ON metrify_queue_applied TO ${role};
      REVOKE SELECT ON metrify_queue_applied FROM ${role}`);
    for (let id = 100; id < 110; id++) await put(id, 'much too long');
    await expect(bench.drain({ postgres: { url } })).rejects.toThrow(
      /permission denied for table metrify_queue_applied/,
    );
    expect(await queueStatus(bench.client)).toMatchObject({ waiting: 20, dead: 0 });

    expect(await bench.drain()).toMatchObject({ applied: 10, failed: 10 });
    for (let id = 100; id < 110; id++) await releaseKey(bench.client, `right:${id}`, true);
    await settle();
  });

  test('a constraint that is deferred buries the entry that breaks it', async () => {
    await bench.database
      .sql(`CREATE TABLE parents (id int PRIMARY KEY); CREATE TABLE children (id int PRIMARY KEY,
      parent int REFERENCES parents DEFERRABLE INITIALLY DEFERRED); INSERT INTO parents VALUES (1)`);
    const children = { children: { key: ['id'] } };
    const writer = await bench.writer({ tables: children });
    for (let id = 0; id < 6; id++) {
      const row = { id, parent: id === 3 ? 2 : 1 };
      await writer.writeBehind(toBytes(`child:${id}`), undefined, { table: 'children', row }, 'insert');
    }
    const result = await bench.drain({ tables: children });
    expect(result).toMatchObject({ applied: 5, failed: 1, failures: [{ key: 'child:3' }] });
    await releaseKey(bench.client, 'child:3', true);
    await settle();
  });

  test('a drop that is repeated because its answer got lost drops no second write', async () => {
    const writer = await bench.writer();
    const put = (name: string) =>
      writer.writeBehind(
        toBytes('twice'),
        toBytes(name),
        { table: 'rows', row: { id: 500, name } },
        'upsert',
      );
    await put('much too long');
    await bench.drain();
    const { dead, retry, blocked, pending, held } = partitionKeys(partitionOf(toBytes('twice'), 16));
    // What the first call sends, as the server gets it again later.
    const sent: [ByteString[], CommandPart[]][] = [];
    const spy = vi.spyOn(letGo, 'run').mockImplementation(async (client, keys, args) => {
      sent.push([[...keys], [...args]]);
      return Script.prototype.run.call(letGo, client, keys, args);
    });
    onTestFinished(() => spy.mockRestore());
    expect(await releaseKey(bench.client, 'twice', true)).toMatchObject({ released: 0, dropped: 1 });
    spy.mockRestore();
    await put('too long as well');
    await put('behind');
    expect(await bench.drain()).toMatchObject({ failed: 1, held: 1 });
    const again = sent.find(([keys]) => keys.join() === [dead, retry, blocked, pending, held].join())!;
    expect(await letGo.run(bench.client, ...again)).toEqual([0, 0]);
    expect(await queueStatus(bench.client)).toMatchObject({ waiting: 0, dead: 2, heldKeys: 1 });

    expect(await releaseKey(bench.client, 'twice', true)).toMatchObject({ released: 1, dropped: 1 });
    expect(await bench.drain()).toMatchObject({ applied: 1 });
    await settle();
  });

  test('a loss that is noted again because its answer got lost counts once', async () => {
    const { lease, progress, counter } = partitionKeys(15);
    await bench.client.call(['SET', lease, toBytes('1 me'), 'PX', '60000']);
    const note = (entries: number, upTo: number) =>
      noteLoss.run(bench.client, [lease, progress, counter], [toBytes('1 me'), `${entries}`, `${upTo}`]);
    for (let time = 0; time < 3; time++) await note(3, 103);
    expect(await bench.client.call(['HGET', progress, toBytes('lost')])).toBe('3');
    await note(2, 110);
    expect(await bench.client.call(['HMGET', progress, toBytes('lost'), toBytes('done')])).toEqual([
      '5',
      '110',
    ]);
    expect(await bench.client.call(['GET', counter])).toBe('110');
    for (const key of [lease, progress, counter]) await bench.client.call(['DEL', key]);
  });

  test('where memory is full, the scripts of the worker run, and only writers are refused', async () => {
    const server = await startRedis({ args: ['--maxmemory-policy', 'noeviction'] });
    onTestFinished(() => server.stop());
    const stop = new AbortController();
    const client = await openRedis({ nodes: [server.url] }, timeouts, stop.signal);
    const writer = await WriteBehind.open(client, { tables, durability: 'memory', signal: stop.signal });
    onTestFinished(() => {
      writer.close();
      client.close();
      stop.abort();
    });
    const put = () =>
      writer.writeBehind(toBytes('k'), toBytes('v'), { table: 'rows', row: { id: 1, name: 'a' } });
    const [{ id: poison }, { id: behind }, { id: good, operationId }] = [
      await put(),
      await put(),
      await put(),
    ];
    // As if each were the first to meet the full server, which does not know the scripts either.
    const full = async () => {
      await client.call(['SCRIPT', 'FLUSH']);
      await server.cli('CONFIG', 'SET', 'maxmemory', '1');
    };
    await full();
    await expect(put()).rejects.toThrow(/OOM|memory/);
    expect(await agreePartitions(client, undefined)).toBe(16);
    const keys = partitionKeys(partitionOf(toBytes('k'), 16));
    const { stream, retry, dead, blocked, pending, held, progress, lease, token, counter } = keys;
    expect(await acquire.run(client, [lease, token], [toBytes('me'), '60000', '7'])).toBe(7);
    const graves = [poison, 'k', 'too long', behind, 'k', ''];
    const cemetery = [stream, dead, blocked, pending, held, progress, lease];
    expect(await bury.run(client, cemetery, [toBytes('7 me'), 'S', '2', ...graves.map(toBytes)])).toBe(2);
    expect(
      await acknowledgeUpTo.run(
        client,
        [stream, pending, progress],
        [toBytes(good), toBytes(operationId), '3', toBytes('k'), toBytes(`S${good}`)],
      ),
    ).toBe(1);
    expect(await noteLoss.run(client, [lease, progress, counter], [toBytes('7 me'), '2', '5'])).toBe(1);
    expect(await releaseKey(client, 'k', true)).toMatchObject({ released: 1, dropped: 1 });
    const released = (await client.call(['XRANGE', retry, '-', '+'])) as string[][];
    const gone = ['R', '', '1', released[0]![0]!, 'k', `R${released[0]![0]!}`].map(toBytes);
    expect(await acknowledge.run(client, [retry, pending, progress], gone)).toBe(1);
    expect(await queueStatus(client)).toMatchObject({ waiting: 0, dead: 0, heldKeys: 0, lost: 2 });
  });

  test('a queue that fills its server’s memory is drained, poison and all', async () => {
    const server = await startRedis({
      args: ['--maxmemory', '6mb', '--maxmemory-policy', 'noeviction'],
    });
    onTestFinished(() => server.stop());
    const redis = { nodes: [server.url] };
    const stop = new AbortController();
    const client = await openRedis(redis, timeouts, stop.signal);
    const writer = await WriteBehind.open(client, { tables, durability: 'memory', signal: stop.signal });
    onTestFinished(() => {
      writer.close();
      client.close();
      stop.abort();
    });
    const put = async (key: string, name: string, size: number) => {
      const row = { id: 1000, name };
      await writer.writeBehind(toBytes(key), toBytes('v'.repeat(size)), { table: 'rows', row }, 'upsert');
    };
    let queued = 0;
    await put('poison', 'much too long', 10);
    await put('poison', 'behind', 10);
    const full = (async () => {
      for (; ; queued++) await put(`full:${queued}`, 'fine', 4000);
    })();
    await expect(full).rejects.toThrow(/OOM|memory/);
    expect(queued).toBeGreaterThan(100);
    // So that not even the smallest write is let in.
    await server.cli('CONFIG', 'SET', 'maxmemory', '2mb');
    await expect(client.call(['SET', toBytes('x'), toBytes('y')])).rejects.toThrow(/OOM/);

    const drained = await bench.drain({ redis, batch: 1 });
    expect(drained).toMatchObject({ applied: queued, failed: 1, held: 1, losses: [] });
    expect(await queueStatus(client)).toMatchObject({ waiting: 0, dead: 2, lost: 0 });

    await server.cli('CONFIG', 'SET', 'maxmemory', '1mb');
    await expect(client.call(['SET', toBytes('x'), toBytes('y')])).rejects.toThrow(/OOM/);
    expect(await releaseKey(client, 'poison', true)).toMatchObject({ released: 1, dropped: 1 });
    expect(await bench.drain({ redis })).toMatchObject({ applied: 1 });
    // A gap is recorded, too.
    await server.cli('CONFIG', 'SET', 'maxmemory', '0');
    await put('gone', 'fine', 10);
    const { stream } = partitionKeys(partitionOf(toBytes('gone'), 16));
    await client.call(['DEL', stream]);
    await server.cli('CONFIG', 'SET', 'maxmemory', '1mb');
    expect(await bench.drain({ redis })).toMatchObject({ applied: 0, losses: [{ entries: 1 }] });
    expect(await queueStatus(client)).toMatchObject({ waiting: 0, dead: 0, lost: 1 });
  });
});

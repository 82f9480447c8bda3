import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setImmediate as tick } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';

import { openRedis, type RedisClient } from '../../../src/lib/clients/redis/client.js';
import { ServiceUnavailable } from '../../../src/lib/core/errors.js';
import { partitionKeys, partitionOf } from '../../../src/lib/cache/write-behind/keys.js';
import type { Queued } from '../../../src/lib/cache/write-behind/types.js';
import { WriteBehind } from '../../../src/lib/cache/write-behind/writer.js';
import { replayable } from '../../random.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { startRedis, type RedisServer } from '../../servers/redis.js';
import { queueBench, timeouts } from './setup.js';
import { toBytes } from '../../../src/lib/core/bytes.js';

const tables = { readings: { key: ['id'] } };
const stop = new AbortController();
const { signal } = stop;
afterAll(() => stop.abort());

needs('redis')('the order of calls', () => {
  let redis: RedisServer;
  let line: Line;
  let client: RedisClient;
  let writer: WriteBehind;
  beforeAll(async () => {
    redis = await startRedis();
  });
  beforeEach(async () => {
    line = await lineTo(redis.url);
    client = await openRedis({ nodes: [line.url] }, timeouts, signal);
    writer = await WriteBehind.open(client, { tables, durability: 'memory', signal });
    await write('connect', 0);
  });
  afterEach(async () => {
    writer.close();
    client.close();
    await line.close();
  });
  afterAll(() => redis.stop());

  const write = (key: string, value: number) =>
    writer.writeBehind(toBytes(key), toBytes(`v${value}`), { table: 'readings', row: { id: key } });
  /** Each in a batch of its own, none answered yet. */
  async function writeSome(key: string, count: number, before = 0): Promise<Promise<Queued>[]> {
    const calls: Promise<Queued>[] = [];
    for (let i = 1; i <= count; i++) {
      calls.push(write(key, before + i));
      calls.at(-1)!.catch(() => {});
      await tick();
    }
    return calls;
  }
  async function queued(key: string): Promise<string[]> {
    const { stream } = partitionKeys(partitionOf(toBytes(key), 16));
    const reply = await redis.cli('--json', 'XRANGE', stream, '-', '+');
    const entries = (JSON.parse(reply) as [string, string[]][]).map(([, fields]) => fields);
    const field = (fields: string[], name: string) => fields[fields.indexOf(name) + 1]!;
    return entries.filter((fields) => field(fields, 'key') === key).map((fields) => field(fields, 'value'));
  }
  const names = (count: number) => Array.from({ length: count }, (_, i) => `v${i + 1}`);
  async function expectInOrder(key: string, calls: Promise<Queued>[]): Promise<void> {
    const versions = (await Promise.all(calls)).map(({ version }) => version);
    expect(await queued(key)).toEqual(names(calls.length));
    expect(versions).toEqual([...versions].sort((a, b) => (a < b ? -1 : 1)));
  }

  test('is kept when the connection breaks with batches in flight', async () => {
    const { random } = replayable('what is in flight when the connection breaks');
    for (let round = 0; round < 40; round++) {
      const key = `cut:${round}`;
      const [carriedOut, lost, since] = [3, 5, 3].map((most) => Math.floor(random() * (most + 1)));
      await write('connect', round);
      line.holdAnswers = random() < 0.5;
      const calls = await writeSome(key, carriedOut!);
      if (!line.holdAnswers) await Promise.all(calls);
      else if (carriedOut! > 0)
        await until('they are queued', async () => (await queued(key)).length === carriedOut);
      line.holdRequests = true;
      calls.push(...(await writeSome(key, lost!, calls.length)));
      line.cut();
      calls.push(...(await writeSome(key, since!, calls.length)));
      await expectInOrder(key, calls);
    }
  });

  test('is kept when several batches meet a server that takes no writes', async () => {
    line.holdRequests = true;
    const calls = await writeSome('readonly', 4);
    await redis.cli('REPLICAOF', '127.0.0.1', '1');
    line.release();
    await redis.cli('REPLICAOF', 'NO', 'ONE');
    await expectInOrder('readonly', calls);
  });

  test('is kept when a server takes writes again between two batches: what was overtaken is refused', async () => {
    line.holdRequests = true;
    const calls: Promise<Queued>[] = [];
    for (let i = 0; i < 4; i++) {
      calls.push(...(await writeSome('overtaken', 1, i)));
      await until('it is on its way', () => line.held > i, { everyMs: 1 });
    }
    await redis.cli('CONFIG', 'RESETSTAT');
    await redis.cli('REPLICAOF', '127.0.0.1', '1');
    line.release(2);
    await until('both were refused', async () => /READONLY:count=[2-9]/.test(await redis.cli('INFO')));
    await redis.cli('REPLICAOF', 'NO', 'ONE');
    line.release();
    for (const call of calls.slice(0, 2))
      await expect(call).rejects.toMatchObject({ message: expect.stringContaining('READONLY') });
    await Promise.all(calls.slice(2));
    expect(await queued('overtaken')).toEqual(['v3', 'v4']);
  });

  test('is kept while nobody serves the partition', async () => {
    let refusals = 5; // of the first call, and of all four in the first attempt to recover
    const masterOf = vi.spyOn(client, 'masterOf');
    const real = client.masters[0]!;
    masterOf.mockImplementation(() => {
      if (refusals-- > 0) throw new ServiceUnavailable('nobody serves the slot');
      return real;
    });
    const calls = await writeSome('unserved', 4);
    await expectInOrder('unserved', calls);
    masterOf.mockRestore();
  });
});

needs('redis', 'postgres')('a call that is repeated', () => {
  test('says so where a later write may have been applied', async () => {
    const bench = await queueBench(tables);
    await bench.database.sql('CREATE TABLE readings (id text PRIMARY KEY, value text)');
    const line = await lineTo(bench.redis.url);
    const client = await openRedis({ nodes: [line.url] }, timeouts, signal);
    const first = await WriteBehind.open(client, { tables, durability: 'memory', signal });
    const second = await bench.writer();
    const put = (writer: WriteBehind, value: string, operationId?: string) =>
      writer.writeBehind(
        toBytes('k'),
        toBytes(value),
        { table: 'readings', row: { id: 'k', value } },
        'upsert',
        {
          operationId,
        },
      );
    await put(first, 'V0');

    line.holdAnswers = true;
    const repeated = put(first, 'V1');
    await until('it is queued', async () => (await second.pendingValue(toBytes('k')))?.value === 'V1');
    await bench.drain();
    const newer = await put(second, 'V2');
    expect(newer.requeued).toBe(false);
    line.cut();
    const receipt = await repeated;
    expect(receipt.requeued).toBe(true);
    expect(receipt.version).toBeGreaterThan(newer.version);
    expect(await bench.drain()).toMatchObject({ applied: 1, repeated: 1 });
    expect(await bench.database.sql('SELECT value FROM readings')).toEqual([{ value: 'V2' }]);

    // One that still waits is found, and stays the newest.
    const waiting = await put(first, 'V3');
    const again = await put(first, 'V3', waiting.operationId);
    expect(again).toMatchObject({ id: waiting.id, requeued: false });
    first.close();
    client.close();
    await line.close();
  });
});

needs('redis')('a call whose end is not known', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });
  afterAll(() => redis.stop());

  const target = { table: 'readings', row: { id: 'k' } };
  const outcome = (call: Promise<Queued>) =>
    call.then(
      () => expect.unreachable('it is settled'),
      (error: { code: string; operationId: string }) => error,
    );
  const entries = () => redis.cli('XLEN', partitionKeys(partitionOf(toBytes('k'), 16)).stream);

  test('names the operation id to call again with: the answer was lost', async () => {
    const line = await lineTo(redis.url);
    const hasty = { connectTimeoutMs: 4000, requestTimeoutMs: 4000 };
    const client = await openRedis({ nodes: [line.url] }, hasty, signal);
    const writer = await WriteBehind.open(client, { tables, durability: 'memory', signal });
    await writer.writeBehind(toBytes('k'), toBytes('v'), target);
    line.holdAnswers = true;
    const error = await outcome(writer.writeBehind(toBytes('k'), toBytes('v'), target));
    expect(error).toMatchObject({ name: 'ServiceUnavailable', code: 'WRITE_UNCERTAIN' });
    expect(await entries()).toBe('2');
    line.cut();
    const { operationId } = error;
    expect(
      await writer.writeBehind(toBytes('k'), toBytes('v'), target, 'upsert', { operationId }),
    ).toMatchObject({
      operationId,
    });
    expect(await entries()).toBe('2');
    writer.close();
    client.close();
    await line.close();
  });

  test('names the operation id to call again with: no replica had it', async () => {
    const replica = await startRedis({ args: ['--replicaof', '127.0.0.1', String(redis.port)] });
    await until('the replica follows', async () =>
      (await redis.cli('INFO', 'replication')).includes('state=online'),
    );
    const client = await openRedis({ nodes: [redis.url] }, timeouts, signal);
    const writer = await WriteBehind.open(client, {
      ...{ tables, durability: 'replica', replicaTimeoutMs: 2000, signal },
    });
    const before = Number(await entries());
    replica.pause();
    const error = await outcome(writer.writeBehind(toBytes('k'), toBytes('v'), target));
    replica.resume();
    expect(error).toMatchObject({ name: 'ServiceUnavailable', code: 'NOT_REPLICATED' });
    const { operationId } = error;
    await until('it is certain', () =>
      writer.writeBehind(toBytes('k'), toBytes('v'), target, 'upsert', { operationId }).then(
        () => true,
        () => false,
      ),
    );
    expect(Number(await entries())).toBe(before + 1);
    writer.close();
    client.close();
    await replica.stop();
  });
});

interface Line {
  readonly url: string;
  /** What comes from now on stays here until `cut`. */
  holdRequests: boolean;
  holdAnswers: boolean;
  /** Breaks every connection, with what is held; then all passes again. */
  cut(): void;
  /** How many pieces are held. */
  readonly held: number;
  /** Passes on the first pieces that were held; without a count all of them, and what comes then. */
  release(count?: number): void;
  close(): Promise<void>;
}

async function lineTo(url: string): Promise<Line> {
  const { hostname, port, pathname } = new URL(url);
  const sockets = new Set<Socket>();
  let held: { to: Socket; data: Buffer }[] = [];
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const [from, to, holding] of [
      [near, far, () => line.holdRequests],
      [far, near, () => line.holdAnswers],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (data) => (holding() ? held.push({ to, data }) : to.write(data)));
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const line: Line = {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`,
    holdRequests: false,
    holdAnswers: false,
    cut() {
      held = [];
      line.holdRequests = line.holdAnswers = false;
      for (const socket of sockets) socket.destroy();
    },
    get held() {
      return held.length;
    },
    release(count) {
      if (count === undefined) line.holdRequests = line.holdAnswers = false;
      for (const { to, data } of held.splice(0, count ?? held.length)) to.write(data);
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return line;
}

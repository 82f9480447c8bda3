import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, expect, test } from 'vitest';

import { openRedis, type RedisClient } from '../../src/lib/clients/redis/client.js';
import { ConnectionLost, RedisConnection } from '../../src/lib/clients/redis/connection.js';
import { encodeCommand, RedisError } from '../../src/lib/clients/redis/resp.js';
import { slotOf } from '../../src/lib/clients/redis/slots.js';
import { ServiceRefused, ServiceUnavailable } from '../../src/lib/core/errors.js';
import { needs } from '../servers/needs.js';
import { until } from '../servers/ports.js';
import { startRedisCluster } from '../servers/redis-cluster.js';
import { startRedis, type RedisServer } from '../servers/redis.js';
import { toBytes } from '../../src/lib/core/bytes.js';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function server(password?: string): Promise<RedisServer> {
  const redis = await startRedis(password === undefined ? {} : { password });
  stops.push(() => redis.stop());
  return redis;
}

async function clientOf(redis: RedisServer, timeoutMs: number): Promise<RedisClient> {
  const timeouts = { connectTimeoutMs: timeoutMs, requestTimeoutMs: timeoutMs };
  const client = await openRedis({ nodes: [redis.url] }, timeouts, new AbortController().signal);
  stops.push(() => client.close());
  return client;
}

async function connectionTo(port: number, requestTimeoutMs: number): Promise<RedisConnection> {
  const options = { connectTimeoutMs: 5000, requestTimeoutMs, database: 0, tls: false };
  const { signal } = new AbortController();
  const connection = await RedisConnection.open({ host: '127.0.0.1', port }, options, signal);
  stops.push(() => connection.close());
  return connection;
}

/** Connections to the server but for the one that asks. */
const connections = async (redis: RedisServer): Promise<number> =>
  (await redis.cli('CLIENT', 'LIST')).split('\n').filter((line) => !line.includes('cmd=client|list')).length;

/** Starts a call every 100 ms until the first ten have settled, or for a minute. */
async function callSteadily(call: () => Promise<unknown>, longestMs = 60_000) {
  const outcomes: Promise<unknown>[] = [];
  let settled = 0;
  for (const end = Date.now() + longestMs; settled < 10 && Date.now() < end; await sleep(100)) {
    const outcome = call().catch((error: unknown) => error);
    void outcome.then(() => settled++);
    outcomes.push(outcome);
  }
  return { settled, outcomes };
}

needs('redis')('a Redis that is stopped while calls keep coming', () => {
  test('fails every call, and answers again once it continues', async () => {
    const redis = await server();
    const client = await clientOf(redis, 3000);
    await client.call(['SET', toBytes('key'), toBytes('value')]);
    redis.pause();
    const { settled, outcomes } = await callSteadily(() => client.call(['GET', toBytes('key')]));
    expect(settled).toBeGreaterThanOrEqual(10);
    for (const outcome of await Promise.all(outcomes)) expect(outcome).toBeInstanceOf(ServiceUnavailable);
    redis.resume();
    await until('it answers', () =>
      client.call(['GET', toBytes('key')]).then(
        (value) => value === 'value',
        () => false,
      ),
    );
  });

  test('is given the request time-out from the first call without an answer', async () => {
    const redis = await server();
    const connection = await connectionTo(redis.port, 3000);
    await sleep(3300);
    expect(await connection.single(encodeCommand(['PING']))).toBe('PONG');
    redis.pause();
    const start = performance.now();
    const first = connection.single(encodeCommand(['PING'])).catch(() => performance.now() - start);
    const { settled, outcomes } = await callSteadily(() => connection.single(encodeCommand(['PING'])));
    expect(settled).toBeGreaterThanOrEqual(10);
    expect(await first).toBeGreaterThan(2990);
    expect(await outcomes[0]).toMatchObject({
      name: 'ServiceUnavailable',
      code: 'SERVICE_UNAVAILABLE',
      message: `Redis at 127.0.0.1:${redis.port} did not answer for 3s`,
      hint: expect.stringContaining('requestTimeout') as string,
    });
  });
});

test('an answer that comes slowly is waited for', async () => {
  const slow = createServer((socket) => {
    let asked = 0;
    socket.on('data', () => {
      if (++asked === 1) {
        socket.write('+PONG\r\n');
        return;
      }
      const pieces = ['$8\r\n', ...'abcdefgh', '\r\n'];
      const timer = setInterval(() => {
        if (pieces.length > 0) socket.write(pieces.shift()!);
        else clearInterval(timer);
      }, 400);
    });
    socket.on('error', () => {});
  }).listen(0, '127.0.0.1');
  await once(slow, 'listening');
  stops.push(() => slow.close());
  const connection = await connectionTo((slow.address() as AddressInfo).port, 3500);
  expect(await connection.single(encodeCommand(['GET', toBytes('key')]))).toBe('abcdefgh');
});

needs('redis')('a connection that was lost', () => {
  test('is opened once for all who call at the same time, and closed with the client', async () => {
    const redis = await server();
    const client = await clientOf(redis, 5000);
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    stops.push(() => process.off('warning', warned));
    await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal');
    const calls = Array.from({ length: 200 }, (_, i) =>
      client.call(['SET', toBytes(`key:${i}`), toBytes('value')]),
    );
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['OK']));
    expect(await connections(redis)).toBe(1);
    client.close();
    await until('it is closed', async () => (await connections(redis)) === 0);
    expect(warnings).toEqual([]);
  });

  test('is not opened again after close', async () => {
    const redis = await server();
    const client = await clientOf(redis, 5000);
    await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal');
    const calls = Array.from({ length: 200 }, (_, i) =>
      client.call(['SET', toBytes(`key:${i}`), toBytes('value')]),
    );
    client.close();
    for (const { status } of await Promise.allSettled(calls)) expect(status).toBe('rejected');
    await until('it is closed', async () => (await connections(redis)) === 0);
    await expect(client.call(['GET', toBytes('key:0')])).rejects.toThrow('closed');
  });

  test('is opened again when opening it failed', async () => {
    const redis = await server();
    const client = await clientOf(redis, 3000);
    await redis.kill();
    const calls = Array.from({ length: 200 }, (_, i) =>
      client.call(['SET', toBytes(`key:${i}`), toBytes('value')]),
    );
    for (const { status } of await Promise.allSettled(calls)) expect(status).toBe('rejected');
    await redis.restart();
    expect(await client.call(['SET', toBytes('key'), toBytes('value')])).toBe('OK');
    expect(await connections(redis)).toBe(1);
  });
});

needs('redis')('a single command', () => {
  test('is repeated while a single server is restarted', async () => {
    const redis = await server();
    const client = await clientOf(redis, 20_000);
    await redis.kill();
    const call = client.call(['SET', toBytes('key'), toBytes('value')]);
    // Several attempts fail meanwhile.
    await sleep(1000);
    await redis.restart();
    expect(await call).toBe('OK');
    expect(await redis.cli('GET', 'key')).toBe('value');
  });

  test('that is not idempotent is not repeated when its answer was lost', async () => {
    const redis = await server();
    const client = await clientOf(redis, 20_000);
    redis.pause();
    const call = client.call(['INCR', toBytes('counter')], toBytes('counter'), { idempotent: false });
    const outcome = call.catch((error: unknown) => error);
    await sleep(100);
    await redis.kill();
    expect(await outcome).toBeInstanceOf(ConnectionLost);
    await redis.restart();
    expect(await client.call(['INCR', toBytes('counter')], toBytes('counter'), { idempotent: false })).toBe(
      1,
    );
  });

  test("tells a refused login from an answer that has 'auth' in it", async () => {
    const redis = await server();
    const client = await clientOf(redis, 5000);
    const author = await client
      .call(['EVAL', toBytes(`return redis.error_reply('ERR no author')`), '0'], toBytes(''))
      .catch((e) => e);
    expect(author).toBeInstanceOf(RedisError);
    const locked = await server('right');
    const url = locked.url.replace('right', 'wrong');
    for (const [nodes, said] of [
      [[url], 'WRONGPASS'],
      [[locked.url.replace(/:right@/, '')], 'NOAUTH'],
      [[redis.url.replace('//', '//:secret@')], 'AUTH <password> called without any password configured'],
    ] as const) {
      const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 5000 };
      const refusal = await openRedis({ nodes: [...nodes] }, timeouts, new AbortController().signal).catch(
        (e) => e,
      );
      expect(refusal).toBeInstanceOf(ServiceRefused);
      expect((refusal as Error).message).toContain(said);
    }
  });

  test('follows a redirect that names no host to the host that answered', async () => {
    const unnamed = [
      '--cluster-preferred-endpoint-type',
      'unknown-endpoint',
      '--bind',
      '127.0.0.1',
      '127.0.0.2',
    ];
    const cluster = await startRedisCluster({ masters: 2, replicas: 0, args: unnamed });
    stops.push(() => cluster.stop());
    const [from, to] = cluster.nodes;
    const slot = slotOf(toBytes('key'));
    const [owner, other] = slot < 8192 ? [from!, to!] : [to!, from!];
    const nodes = cluster.urls.map((each) => each.replace('127.0.0.1', '127.0.0.2'));
    const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 5000 };
    const client = await openRedis({ nodes }, timeouts, new AbortController().signal);
    stops.push(() => client.close());
    await other.server.cli('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', owner.id);
    await owner.server.cli('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', other.id);
    expect(await client.call(['SET', toBytes('key'), toBytes('value')])).toBe('OK');
    const clients = (await other.server.cli('CLIENT', 'LIST')).split('\n');
    const ours = clients.filter((line) => !line.includes('cmd=client'));
    expect(ours.map((line) => /laddr=([^:]+)/.exec(line)![1])).toEqual(['127.0.0.2']);
  });
});

import { afterEach, beforeEach, expect, it } from 'vitest';

import { openRedisBulkLevel, type RedisBulkLevel } from '../../src/lib/cache/redis/bulk-level.js';
import { toBytes } from '../../src/lib/core/bytes.js';
import { needs } from '../servers/needs.js';
import { type RedisServer, startRedis } from '../servers/redis.js';

needs('redis')('what is asked while the connection is lost', () => {
  let redis: RedisServer;
  let level: RedisBulkLevel;
  const { signal } = new AbortController();
  const keys = ['a', 'b', 'h'].map(toBytes);

  beforeEach(async () => {
    // What it was told survives SIGKILL.
    redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    await redis.cli('MSET', 'a', 'one', 'b', 'two');
    await redis.cli('HSET', 'h', 'field', 'value');
    const settings = { nodes: [redis.url] };
    const timeouts = { connectTimeoutMs: 60_000, requestTimeoutMs: 60_000 };
    level = await openRedisBulkLevel({ name: 'redis', settings, timeouts }, signal);
    await level.read(keys);
  });
  afterEach(async () => {
    await level.close();
    await redis.stop();
  });

  const questions: Record<string, { ask: () => Promise<unknown>; answer: unknown }> = {
    'the values of keys': { ask: () => level.read(keys), answer: ['one', 'two', ['field', 'value']] },
    'the status of its nodes': {
      ask: () => level.nodes(),
      answer: [expect.objectContaining({ keys: 3 })],
    },
    'who listens': { ask: () => level.listeners(), answer: [] },
    'the sizes before a sample': {
      ask: async () => {
        for await (const { keys: found } of level.scan({ signal, details: {}, limit: 3 }))
          return found.map(({ key }) => key as string).sort();
        return undefined;
      },
      answer: ['a', 'b', 'h'],
    },
    'a time to live': { ask: () => level.ttl(keys[0]!), answer: -1 },
    'the elements of a key': {
      ask: () => level.elements([{ key: keys[2]!, type: 'hash' }]),
      answer: [1],
    },
  };

  it.each(Object.keys(questions))('is asked again: %s', async (name) => {
    const { ask, answer } = questions[name]!;
    redis.pause();
    const asking = ask();
    asking.catch(() => {});
    // It is with the server, which never takes it.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await redis.kill();
    await redis.restart();
    expect(await asking).toEqual(answer);
  });

  it('fails when the server stays away for the request time-out', async () => {
    const timeouts = { connectTimeoutMs: 3000, requestTimeoutMs: 3000 };
    const settings = { nodes: [redis.url] };
    const impatient = await openRedisBulkLevel({ name: 'redis', settings, timeouts }, signal);
    await redis.kill();
    await expect(impatient.read(keys)).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE', exitCode: 5 });
    await impatient.close();
  });
});

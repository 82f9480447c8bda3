import { afterAll, beforeAll, expect, it } from 'vitest';

import { openRedisBulkLevel } from '../../../src/lib/cache/redis/bulk-level.js';
import type { RedisBulkLevel } from '../../../src/lib/cache/redis/bulk-level.js';
import { encodeCommand } from '../../../src/lib/clients/redis/resp.js';
import { needs } from '../../servers/needs.js';
import { ownRedis } from '../../servers/shared.js';
import { toBytes } from '../../../src/lib/core/bytes.js';

needs('redis')('a large table walked from two cursors', () => {
  const signal = new AbortController().signal;
  let level: RedisBulkLevel;

  beforeAll(async () => {
    const { url } = await ownRedis();
    const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 30_000 };
    level = await openRedisBulkLevel({ name: 'redis', settings: { nodes: [url] }, timeouts }, signal);
  });
  afterAll(async () => {
    await level.client.call(['FLUSHDB']);
    await level.close();
  });

  // Around powers of two the table grows, so that some walks find a rehash under way.
  it.each([10_001, 16_384, 40_000, 65_536, 65_537, 131_071])('yields each of %i keys once', async (count) => {
    const connection = await level.client.connect(level.client.masters[0]!.address);
    await connection.call(['FLUSHDB']);
    let text = '';
    for (let i = 0; i < count; i++)
      text += encodeCommand(['SET', toBytes(`${i % 3 ? 'a' : 'b'}:${i}`), toBytes('x')]);
    await connection.pipeline(text, count);

    for (const pattern of [undefined, 'b:*']) {
      const seen = new Map<string, number>();
      for await (const { keys } of level.scan({ signal, pattern, details: {} }))
        for (const { key } of keys) seen.set(key, (seen.get(key) ?? 0) + 1);
      const expected = pattern === undefined ? count : Math.ceil(count / 3);
      expect(seen.size).toBe(expected);
      expect([...seen.values()].every((times) => times === 1)).toBe(true);
    }
  });
});

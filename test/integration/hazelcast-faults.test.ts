import { afterEach, expect, test } from 'vitest';

import type { BulkLevel, Entry, BulkWriteOutcome } from '../../src/lib/cache/bulk-level.js';
import { openHazelcastBulkLevel } from '../../src/lib/cache/hazelcast/bulk-level.js';
import type { HazelcastSettings } from '../../src/lib/clients/settings.js';
import { systemClock } from '../../src/lib/core/clock.js';
import { ServiceUnavailable } from '../../src/lib/core/errors.js';
import { startHazelcast, startHazelcastCluster, type HazelcastServer } from '../servers/hazelcast.js';
import { needs } from '../servers/needs.js';
import { until } from '../servers/ports.js';
import { meters, onlyWritten, scan, write } from './level-work.js';
import { toBytes } from '../../src/lib/core/bytes.js';

const signal = new AbortController().signal;
const servers: HazelcastServer[] = [];
const levels: BulkLevel[] = [];

afterEach(async () => {
  for (const level of levels.splice(0)) await level.close();
  for (const server of servers.splice(0)) {
    await server.kill();
    await server.stop();
  }
});

async function open(
  server: Pick<HazelcastServer, 'url'>,
  settings: Partial<HazelcastSettings> = {},
  requestTimeoutMs = 30_000,
): Promise<BulkLevel> {
  const level = await openHazelcastBulkLevel(
    {
      name: 'warm',
      settings: { urls: [server.url], ...settings },
      timeouts: { connectTimeoutMs: 4000, requestTimeoutMs },
      clock: systemClock,
    },
    signal,
  );
  levels.push(level);
  return level;
}

needs('hazelcast')('the hazelcast level under faults', () => {
  async function alone(): Promise<HazelcastServer> {
    const server = await startHazelcast();
    servers.push(server);
    return server;
  }

  test.each([false, true])(
    'settles everything once when the member is killed in the middle and comes back (nx %s)',
    async (nx) => {
      const one = await alone();
      const level = await open(one, {}, 40_000);
      const entries = meters(40_000);
      const back: Promise<void>[] = [];
      const { outcomes, restarts } = await write(level, entries, nx, async () => {
        await one.kill();
        back.push(one.restart());
      });
      await Promise.all(back);
      expect(outcomes.size).toBe(entries.length);
      expect(onlyWritten(outcomes)).toBe(true);
      expect(restarts).toBe(1);
      expect(await level.read([entries.at(-1)!.key], signal)).toEqual([entries.at(-1)!.value]);
      // What was acknowledged before is lost.
      expect(await one.size('metrify')).toBeLessThan(39_000);

      const seen: (string | undefined)[] = [];
      for await (const batch of level.scan({ signal, details: {} })) {
        seen.push(batch.restart ? 'restart' : batch.keys[0]?.key);
        if (seen.length > 1) continue;
        await one.kill();
        await one.restart();
      }
      expect(seen.at(-1)).toBe('restart');

      const writer = await level.writer({ nx: false, signal, settled: () => {} });
      await writer.write(meters(10));
      await writer.drain();
      expect(writer.restarts).toBe(0);
      await one.kill();
      await one.restart();
      await writer.drain();
      expect(writer.restarts).toBe(1);
    },
  );

  test('a hanging member fails within the time-out, by name; one that stays away as well', async () => {
    const one = await alone();
    const level = await open(one, {}, 4000);
    const settled: BulkWriteOutcome[] = [];
    const collect = (_: Entry, outcome: BulkWriteOutcome) => settled.push(outcome);
    const writer = await level.writer({ nx: false, signal, settled: collect });
    one.pause();
    const started = performance.now();
    await writer.write(meters(100));
    await expect(writer.drain()).rejects.toThrow(
      new RegExp(`127.0.0.1:${one.port} (did not answer for 4s|cannot be reached)`),
    );
    expect(performance.now() - started).toBeLessThan(30_000);
    await expect(level.read([toBytes('a')], signal)).rejects.toBeInstanceOf(ServiceUnavailable);
    await expect(open(one)).rejects.toThrow(/does not answer/);
    expect(settled).toEqual([]);
    one.resume();
    await until('it answers again', () =>
      level.read([toBytes('none')], signal).then(
        ([value]) => value === null,
        () => false,
      ),
    );

    await one.kill();
    const killed = performance.now();
    const again = await level.writer({ nx: false, signal, settled: collect });
    await expect(again.write(meters(10)).then(() => again.drain())).rejects.toThrow(
      /cannot be reached: connection refused/,
    );
    expect(performance.now() - killed).toBeLessThan(30_000);
    await expect(open(one)).rejects.toThrow(/connection refused/);
  });

  test('an interrupt ends waiting for a member that is away, and not for one that works', async () => {
    const one = await alone();
    const level = await open(one);
    const stop = new AbortController();
    let written = 0;
    const writer = await level.writer({ nx: false, signal: stop.signal, settled: () => written++ });
    const pushed = writer.write(meters(10_000));
    await pushed;
    stop.abort(new Error('stopped'));
    await writer.drain();
    expect(written).toBe(10_000);
    await expect(writer.write(meters(1))).rejects.toThrow('stopped');

    const again = new AbortController();
    const second = await level.writer({ nx: false, signal: again.signal, settled: () => {} });
    await one.kill();
    await second.write(meters(10));
    setTimeout(() => again.abort(new Error('stopped')), 200);
    // After the request time-out it would say that nobody is there.
    await expect(second.drain()).rejects.toThrow('stopped');
  });

  test('of two members one is killed in the middle: the backups keep every entry', async () => {
    const two = await startHazelcastCluster(2);
    servers.push(...two);
    const level = await open(two[0]!, {}, 40_000);
    const entries = meters(40_000, 3_600_000);
    const { outcomes, restarts } = await write(level, entries, false, async () => {
      const nodes = await level.nodes(signal);
      expect(nodes.map(({ node }) => node).sort()).toEqual(two.map(({ port }) => `127.0.0.1:${port}`).sort());
      await until('both hold some of it', async () =>
        (await level.nodes(signal)).every(({ keys }) => keys > 0),
      );
      expect(new Set((await scanNodes(level)).values()).size).toBe(2);
      await two[0]!.kill();
    });
    expect(onlyWritten(outcomes)).toBe(true);
    expect([outcomes.size, restarts]).toEqual([40_000, 0]);
    const held = await two[1]!.entries('metrify');
    expect(held.size).toBe(40_000);
    for (const { key, value } of entries) expect(held.get(key)?.value).toBe(value);
    expect(await scan(level)).toHaveLength(40_000);
  });
});

async function scanNodes(level: BulkLevel): Promise<Map<string, string>> {
  const nodes = new Map<string, string>();
  for await (const { node, keys } of level.scan({ signal, details: {} }))
    for (const { key } of keys) nodes.set(key, node);
  return nodes;
}

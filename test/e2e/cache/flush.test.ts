import { setTimeout as delay } from 'node:timers/promises';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { ownRedis, type OwnRedis } from '../../servers/shared.js';
import { confirming } from '../confirm-name.js';
import { metrify, startMetrify } from '../run.js';
import { Probe } from './redis-probe.js';

const keys = (count: number, make: (i: number) => string) => Array.from({ length: count }, (_, i) => make(i));
const set = (probe: Probe, names: string[], ...more: string[]) =>
  probe.askAll(names.map((name) => ['SET', name, 'x', ...more]));

needs('redis')('cache flush of one server', () => {
  let redis: OwnRedis;
  let probe: Probe;
  let name: string[];
  let confirmed: string[];
  beforeEach(async () => {
    redis = await ownRedis();
    name = confirming('redis', redis.url);
    confirmed = [...name, '--json'];
    probe = await Probe.connect(redis.port, redis.database);
  });
  afterEach(() => probe.close());
  const flush = (...more: string[]) => metrify(['cache', 'flush', '--redis-url', redis.url, ...more]);
  const left = async (pattern = '*') => ((await probe.ask('KEYS', pattern)) as string[]).sort();

  test('removes exactly what Redis itself matches, and counts it by prefix', async () => {
    const odd = [
      'a*b',
      'a?b',
      'a[1]b',
      'a\\b',
      'a b',
      "a'b",
      'a\r\nb',
      'a{1}b',
      'aäb',
      'a\x00\xffb',
      'A*B',
      'a1b',
      'b',
      '',
    ];
    for (const pattern of [
      'a*b',
      'a\\*b',
      'a\\?b',
      'a[[]1]b',
      'a[^*1]b',
      'a\\\\b',
      'a b',
      "a'b",
      'a{1}b',
      'aäb',
      'a*\xffb',
      '[aA]?[bB]',
      'm:1*:[x-z]',
    ]) {
      const names = [
        ...odd.map((name) => Buffer.from(name, 'utf8').toString('latin1')),
        ...keys(500, (i) => `m:${i}:${'xyzw'[i % 4]}`),
      ];
      await set(probe, names);
      const bytes = Buffer.from(pattern, 'utf8').toString('latin1');
      const matched = (await probe.ask('KEYS', bytes)) as string[];
      const finished = await flush('--pattern', pattern, ...confirmed);
      expect(finished.code, finished.stderr).toBe(0);
      const { result } = finished.json();
      expect([result.matched, result.deleted], pattern).toEqual([matched.length, matched.length]);
      expect(result.byPrefix.reduce((sum: number, one: { keys: number }) => sum + one.keys, 0)).toBe(
        matched.length,
      );
      expect(await left(bytes), pattern).toEqual([]);
      expect(await probe.ask('DBSIZE'), pattern).toBe(names.length - matched.length);
    }
  });

  test('a dry run counts by prefix, exactly, and removes nothing', async () => {
    await set(probe, [
      ...keys(3000, (i) => `meter:${i}:latest`),
      ...keys(700, (i) => `meter:${i}:day`),
      ...keys(50, (i) => `tariff:${i}`),
    ]);
    const finished = await flush('--pattern', 'meter:*', '--dry-run', '--json');
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.json()).toMatchObject({
      verdict: 'planned',
      result: {
        matched: 3700,
        confirm: name[1],
        byPrefix: [
          { prefix: 'meter:*:latest', keys: 3000 },
          { prefix: 'meter:*:day', keys: 700 },
        ],
      },
    });
    expect(await probe.ask('DBSIZE')).toBe(3750);
  });

  test('without the right --confirm nothing goes: exit 4, and the name that would do', async () => {
    await set(probe, ['a:1']);
    for (const more of [[], ['--confirm', 'default/redis'], ['--confirm', 'production/redis']]) {
      const finished = await flush('--pattern', 'a:*', ...more);
      expect(finished.code).toBe(4);
      expect(finished.stderr).toContain(name.join(' '));
    }
    expect(await left()).toEqual(['a:1']);
  });

  test.each([['--pattern', '*'], ['--pattern', '**'], ['--pattern', '?*'], ['--all']])(
    '%s %s is everything, of this database only, and metrify keeps its own keys',
    async (...selection) => {
      const other = await ownRedis();
      await Probe.with(other.port, other.database, (neighbour) => set(neighbour, ['neighbour']));
      const own = ['metrify:queue:a', '{metrify:queue}:b'];
      await set(probe, [...keys(1200, (i) => `k${i}`), ...own]);
      const finished = await flush(...selection.filter((word) => word !== undefined), ...confirmed);
      expect(finished.code, finished.stderr).toBe(0);
      expect(finished.json().result).toMatchObject({ matched: 1200, deleted: 1200, kept: 2 });
      expect(await left()).toEqual(own.sort());
      expect(await Probe.with(other.port, other.database, (neighbour) => neighbour.ask('DBSIZE'))).toBe(1);
    },
  );

  test('a pattern that matches metrify’s own keys leaves them', async () => {
    await set(probe, ['metrify:queue', 'metrics:1']);
    expect((await flush('--pattern', 'met*', ...confirmed)).json().result).toMatchObject({
      deleted: 1,
      kept: 1,
    });
    expect(await left()).toEqual(['metrify:queue']);
    const finished = await metrify(['cache', 'delete', 'metrify:queue', '--redis-url', redis.url]);
    expect(finished.code).toBe(4);
    expect(await left()).toEqual(['metrify:queue']);
  });

  test('a pattern of classes alone removes what it matches, and nothing else', async () => {
    await set(probe, ['a', 'b', 'longer', 'x1']);
    expect((await flush('--pattern', '[ab]', ...confirmed)).code).toBe(0);
    expect(await left()).toEqual(['longer', 'x1']);
    expect((await flush('--pattern', '?[0-9]', ...confirmed)).code).toBe(0);
    expect(await left()).toEqual(['longer']);
  });

  test('--no-ttl', async () => {
    await set(
      probe,
      keys(400, (i) => `forever:${i}`),
    );
    await set(
      probe,
      keys(300, (i) => `timed:${i}`),
      'EX',
      '1000',
    );
    expect((await flush('--no-ttl', ...confirmed)).json().result).toMatchObject({
      matched: 400,
      deleted: 400,
      byPrefix: [{ prefix: 'forever:*', keys: 400 }],
    });
    expect(await probe.ask('DBSIZE')).toBe(300);
  });

  test('--max-keys counts first, and refuses before anything goes', async () => {
    await set(
      probe,
      keys(1000, (i) => `m:${i}`),
    );
    const finished = await flush('--pattern', 'm:*', '--max-keys', '999', ...confirmed);
    expect(finished.code).toBe(4);
    expect(JSON.parse(finished.stderr).error).toMatchObject({ code: 'MAX_KEYS' });
    expect(finished.stderr).toContain('1,000');
    expect(await probe.ask('DBSIZE')).toBe(1000);
    expect((await flush('--pattern', 'm:*', '--max-keys', '1000', ...confirmed)).json().result.deleted).toBe(
      1000,
    );
  });

  test.each([[[]], [['--all', '--no-ttl']], [['--pattern', 'a', '--idle', '1d']], [['--idle', 'soon']]])(
    '%s says nothing clear: exit 2',
    async (selection) => {
      expect((await flush(...selection, ...confirmed)).code).toBe(2);
    },
  );

  test('--rate holds', async () => {
    await set(
      probe,
      keys(1500, (i) => `m:${i}`),
    );
    const finished = await flush('--pattern', 'm:*', '--rate', '1000', ...confirmed);
    expect(finished.json().result.deleted).toBe(1500);
    expect(finished.json().durationMs).toBeGreaterThan(1350);
    // At a tenth of the rate it would be as long.
    expect(finished.json().durationMs).toBeLessThan(15_000);
  });

  test('SIGINT in the middle: 130, and what it counted is what is gone', async () => {
    await set(
      probe,
      keys(5000, (i) => `m:${i}`),
    );
    const running = await startMetrify([
      'cache',
      'flush',
      '--redis-url',
      redis.url,
      '--pattern',
      'm:*',
      '--rate',
      '500',
      ...confirmed,
    ]);
    await until('some are gone', async () => ((await probe.ask('DBSIZE')) as number) < 4500);
    running.signal('SIGINT');
    const finished = await running.finished;
    expect(finished.code, finished.stderr).toBe(130);
    const { verdict, result } = finished.json();
    expect(verdict).toBe('interrupted');
    expect(result.deleted).toBe(5000 - ((await probe.ask('DBSIZE')) as number));
    expect(result.deleted).toBeLessThan(5000);
    expect(JSON.parse(finished.stderr.trim().split('\n').at(-1)!).error.hint).toContain(
      'Run the same command again',
    );
  });

  test('a writer at the same time: what was there before is gone, and nothing is counted twice', async () => {
    const before = keys(20_000, (i) => `m:${i}`);
    await set(probe, before);
    const running = await startMetrify([
      'cache',
      'flush',
      '--redis-url',
      redis.url,
      '--pattern',
      'm:*',
      '--rate',
      '40000',
      ...confirmed,
    ]);
    let written = 0;
    let done = false;
    void running.finished.then(() => (done = true));
    const writer = await Probe.connect(redis.port, redis.database);
    // Slower than the flush: it could not catch up with it otherwise.
    while (!done && written < 10_000) {
      await set(
        writer,
        keys(100, () => `m:new:${written++}`),
      );
      await delay(5);
    }
    writer.close();
    const finished = await running.finished;
    expect(finished.code, finished.stderr).toBe(0);
    const { result } = finished.json();
    const rest = await left();
    expect(rest.filter((key) => !key.startsWith('m:new:'))).toEqual([]);
    expect(result.deleted).toBe(20_000 + written - rest.length);
    expect(result.matched).toBeGreaterThanOrEqual(result.deleted);
  });
});

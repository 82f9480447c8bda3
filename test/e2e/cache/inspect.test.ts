import { afterAll, beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { startRedis, type RedisServer } from '../../servers/redis.js';
import {
  ownDatabase,
  ownMemcached,
  ownRedis,
  ownRedisCluster,
  type OwnPrefix,
  type OwnRedis,
} from '../../servers/shared.js';
import { metrify } from '../run.js';
import { converse } from './memcached-probe.js';
import { Probe, type Answer } from './redis-probe.js';

interface Prefix {
  prefix: string;
  keys: number;
  bytes: number;
  share: number;
  ttl: { withoutTtl: number; averageMs?: number };
}

const bounds: [string, number][] = [
  ['1m', 60_000],
  ['10m', 600_000],
  ['1h', 3_600_000],
  ['1d', 86_400_000],
  ['7d', 604_800_000],
];

/** Strings, hashes, lists, sets, sorted sets and streams, some of which expire; no time lies near a bound. */
function mixed(count: number, prefix = ''): string[][] {
  const commands: string[][] = [];
  const expiries = [undefined, 30_000, 300_000, 1_800_000, 40_000_000, 400_000_000, 900_000_000];
  for (let i = 0; i < count; i++) {
    const key = [
      `meter:${i}:latest`,
      `meter:{${i}}:day`,
      `tariff/region-${'abcdef'[i % 6]}/${i}`,
      `session:${i.toString(16).padStart(8, '0')}-1111-4222-8333-${String(i).padStart(12, '0')}`,
      `counter|${i}`,
      `bytes:\x00\xff\r\n${i}`,
    ][i % 6]!;
    const name = prefix + key;
    const kind = Math.floor(i / 6) % 6;
    if (kind === 0) commands.push(['SET', name, 'x'.repeat(i % 300)]);
    if (kind === 1) commands.push(['HSET', name, 'a', '1', 'b', 'y'.repeat(i % 200)]);
    if (kind === 2) commands.push(['RPUSH', name, 'one', 'two', String(i)]);
    if (kind === 3) commands.push(['SADD', name, 'one', 'two', String(i)]);
    if (kind === 4) commands.push(['ZADD', name, '1', 'one', '2', 'two']);
    if (kind === 5) commands.push(['XADD', name, '1-1', 'kwh', String(i)]);
    const expiry = expiries[i % expiries.length];
    if (expiry !== undefined) commands.push(['PEXPIRE', name, String(expiry)]);
  }
  return commands;
}

interface Facts {
  key: string;
  bytes: number;
  ttlMs: number;
  type: string;
}

/** Every key that matches, asked one by one. */
async function factsOf(probe: Probe, pattern = '*'): Promise<Facts[]> {
  const keys = (await probe.ask('KEYS', pattern)) as string[];
  const answers = await probe.askAll(
    keys.flatMap((key) => [
      ['MEMORY', 'USAGE', key],
      ['PTTL', key],
      ['TYPE', key],
    ]),
  );
  return keys.map((key, i) => ({
    key,
    bytes: answers[3 * i] as number,
    ttlMs: answers[3 * i + 1] as number,
    type: answers[3 * i + 2] as string,
  }));
}

function expectAgreement(result: Record<string, unknown>, facts: Facts[]): void {
  const bytes = facts.reduce((sum, fact) => sum + fact.bytes, 0);
  expect(result).toMatchObject({ mode: 'exact', keys: facts.length, memoryBytes: bytes });
  const histogram = [...bounds, ['more', Infinity] as const].map(([upTo, limit], i, all) => ({
    upTo,
    keys: facts.filter(({ ttlMs }) => ttlMs >= 0 && ttlMs <= limit && (i === 0 || ttlMs > all[i - 1]![1]))
      .length,
  }));
  histogram.push({ upTo: 'never', keys: facts.filter(({ ttlMs }) => ttlMs < 0).length });
  expect(result['ttlHistogram']).toEqual(histogram);
  const prefixes = result['prefixes'] as Prefix[];
  expect(prefixes.reduce((sum, { keys }) => sum + keys, 0)).toBe(facts.length);
  expect(prefixes.reduce((sum, prefix) => sum + prefix.bytes, 0)).toBe(bytes);
  expect(prefixes.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
  expect(prefixes.reduce((sum, { ttl }) => sum + ttl.withoutTtl, 0)).toBe(histogram.at(-1)!.keys);
  const biggest = [...facts].sort((a, b) => b.bytes - a.bytes).slice(0, 10);
  const bigKeys = result['bigKeys'] as { key: string; bytes: number; type: string; elements: number }[];
  expect(bigKeys.map((key) => key.bytes)).toEqual(biggest.map((fact) => fact.bytes));
}

needs('redis')('cache inspect of one server', () => {
  let redis: OwnRedis;
  let probe: Probe;
  beforeAll(async () => {
    redis = await ownRedis();
    probe = await Probe.connect(redis.port, redis.database);
    await probe.ask('GET', 'nothing');
    await probe.askAll(mixed(6000));
    await probe.ask('SADD', 'large:set', ...Array.from({ length: 3000 }, (_, i) => `member-${i}`));
  });
  afterAll(() => probe.close());
  const inspect = (...more: string[]) =>
    metrify(['cache', 'inspect', '--redis-url', redis.url, '--json', ...more]);

  test('agrees with every key asked one by one', async () => {
    const finished = await inspect('--exact');
    expect(finished.code, finished.stderr).toBe(0);
    const { result, command, verdict } = finished.json();
    expect([command, verdict]).toEqual(['cache.inspect', 'ok']);
    const facts = await factsOf(probe);
    expectAgreement(result, facts);
    expect(result.bigKeys[0]).toMatchObject({ key: 'large:set', type: 'set', elements: 3000 });
    const found = result.prefixes as Prefix[];
    for (const [prefix, part] of [
      ['meter:*:latest', /^meter:\d+:latest$/],
      ['meter:*:day', /^meter:\{\d+\}:day$/],
      ['session:*', /^session:/],
      ['counter|*', /^counter\|/],
      ['tariff/region-c/*', /^tariff\/region-c\//],
    ] as const) {
      const own = facts.filter(({ key }) => part.test(key));
      const { keys, bytes, ttl } = found.find((one) => one.prefix === prefix)!;
      expect({ keys, bytes }, prefix).toEqual({
        keys: own.length,
        bytes: own.reduce((sum, fact) => sum + fact.bytes, 0),
      });
      const timed = own.filter(({ ttlMs }) => ttlMs >= 0);
      expect(ttl.withoutTtl).toBe(own.length - timed.length);
      const mean = timed.reduce((sum, { ttlMs }) => sum + ttlMs, 0) / timed.length;
      expect(Math.abs(ttl.averageMs! - mean)).toBeLessThan(10_000);
    }
    expect(Object.keys(result)).toEqual(
      expect.arrayContaining([
        'keys',
        'memoryBytes',
        'prefixes',
        'bigKeys',
        'hotKeys',
        'ttlHistogram',
        'hitRatio',
      ]),
    );
    expect(Object.keys(result)).toEqual(
      expect.arrayContaining(['evictions', 'fragmentation', 'nodes', 'advice']),
    );
    expect(result.nodes).toHaveLength(1);
    expect(result.nodes[0]).toMatchObject({ keys: facts.length, share: 1 });
  });

  test.each(['meter:*:latest', 'meter:[{]*', '*9', 'bytes:*', 'none:*', '\\*', 'tariff/region-?/1*'])(
    '--pattern %s means what Redis means by it',
    async (pattern) => {
      const { result } = (await inspect('--exact', '--pattern', pattern)).json();
      const facts = await factsOf(probe, pattern);
      expect(result).toMatchObject({
        keys: facts.length,
        memoryBytes: facts.reduce((sum, { bytes }) => sum + bytes, 0),
      });
    },
  );

  test('ndjson: a prefix a line, the envelope without them last on stderr', async () => {
    const finished = await metrify(['cache', 'inspect', '--redis-url', redis.url, '-o', 'ndjson', '--exact']);
    const lines = finished.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Prefix);
    expect(lines.reduce((sum, { keys }) => sum + keys, 0)).toBe(await probe.ask('DBSIZE'));
    const envelope = JSON.parse(finished.stderr.trimEnd().split('\n').at(-1)!);
    expect(envelope).toMatchObject({ command: 'cache.inspect', verdict: 'ok', exitCode: 0 });
    expect(envelope.result.prefixes).toBeUndefined();
    expect(envelope.result.keys).toBe(await probe.ask('DBSIZE'));
  });

  test('a sample states its error, and the truth lies within three of them', async () => {
    const { result } = (await inspect('--sample', '1500')).json();
    const facts = await factsOf(probe);
    expect(result).toMatchObject({ mode: 'sample', keys: facts.length });
    expect(result.sampled).toBeGreaterThanOrEqual(1500);
    expect(result.sampled).toBeLessThan(1600);
    const { keys, keysError } = result.prefixes.find((one: Prefix) => one.prefix === 'meter:*:latest');
    expect(keysError).toBeGreaterThan(10);
    expect(Math.abs(keys - 1000)).toBeLessThan(3 * keysError + 1);
    const own = (await inspect('--sample', '1500', '--pattern', 'meter:*:latest')).json();
    expect(Math.abs(own.result.keys - 1000)).toBeLessThan(3 * keysError + 30);
  });

  test('text: the prefixes and what to do', async () => {
    const finished = await metrify(['cache', 'inspect', '--redis-url', redis.url, '--exact']);
    expect(finished.code).toBe(0);
    for (const part of ['meter:*:latest', 'large:set', 'never']) expect(finished.stdout).toContain(part);
  });

  test('an empty database', async () => {
    const empty = await ownRedis();
    for (const mode of ['--exact', '--top=3']) {
      const finished = await metrify(['cache', 'inspect', '--redis-url', empty.url, '--json', mode]);
      expect(finished.code, finished.stderr).toBe(0);
      expect(finished.json().result).toMatchObject({
        keys: 0,
        memoryBytes: 0,
        prefixes: [],
        bigKeys: [],
        hotKeys: [],
      });
    }
  });
});

needs('redis')('cache inspect, what it advises', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis({ args: ['--maxmemory-policy', 'allkeys-lfu', '--maxmemory', '64mb'] });
  });
  afterAll(() => redis.stop());

  test('names the hot keys, the key that is too big, and the prefix that never expires, each with a command', async () => {
    await Probe.with(redis.port, 0, async (probe) => {
      await probe.askAll(Array.from({ length: 2000 }, (_, i) => ['SET', `it's:${i}`, 'x'.repeat(200)]));
      await probe.ask('SET', 'huge', 'x'.repeat(400_000));
      const reads: string[][] = [];
      for (let i = 0; i < 4000; i++) reads.push(['GET', `it's:${i % 3}`]);
      for (let i = 0; i < 3000; i++) reads.push(['GET', `nobody:${i}`], ['GET', `nobody:${i}`]);
      await probe.askAll(reads);
    });
    const finished = await metrify(['cache', 'inspect', '--redis-url', redis.url, '--json', '--exact']);
    const { result } = finished.json();
    const hottest = result.hotKeys.slice(0, 3) as { key: string; frequency: number }[];
    expect(hottest.map(({ key }) => key).sort()).toEqual(["it's:0", "it's:1", "it's:2"]);
    const frequencies = await Probe.with(redis.port, 0, (probe) =>
      probe.askAll(hottest.map(({ key }) => ['OBJECT', 'FREQ', key])),
    );
    // The counter is logarithmic: a look at a value may add one, a minute takes one.
    hottest.forEach(({ frequency }, i) =>
      expect(Math.abs(frequency - (frequencies[i] as number))).toBeLessThan(3),
    );

    const advice = result.advice as { finding: string; command: string }[];
    expect(advice.find(({ finding }) => finding.includes('huge'))!.finding).toMatch(/\d+% of the memory/);
    expect(advice.some(({ finding }) => finding.startsWith("it's:*"))).toBe(true);
    expect(advice.some(({ finding }) => /only \d+% of the reads hit/.test(finding))).toBe(true);
    const { shell } = await import('../run.js');
    for (const { command } of advice.filter(
      (one) => one.command.startsWith('metrify') && !one.command.includes('…'),
    )) {
      // What is advised can be pasted: it is understood, and dry runs change nothing.
      const tried = await shell(command, { env: { METRIFY_REDIS_URL: redis.url } });
      expect([0, 3], `${command}\n${tried.stderr}`).toContain(tried.code);
    }
    expect(Number(await redis.cli('DBSIZE'))).toBe(2001);
  });
});

needs('redis')('cache inspect of a cluster', () => {
  test('adds up the masters, and shows who holds what', async () => {
    const { urls, prefix } = (await ownRedisCluster()) as OwnPrefix;
    const ports = urls.map((url) => Number(new URL(url).port));
    // One slot holds half of the keys.
    const commands = mixed(3000, prefix).filter(([word]) => word === 'SET' || word === 'HSET');
    const crowded = Array.from({ length: 1000 }, (_, i) => ['SET', `${prefix}{crowd}:${i}`, 'x']);
    const facts: Facts[] = [];
    const masters = ports.slice(0, 3);
    for (const port of masters)
      await Probe.with(port, 0, async (probe) => {
        // What belongs elsewhere is answered by MOVED, and written there.
        const answers: Answer[] = await probe.askAll([...commands, ...crowded]);
        expect(
          answers.every((answer) => !(answer instanceof Error) || answer.message.startsWith('MOVED')),
        ).toBe(true);
        facts.push(...(await factsOf(probe, `${prefix}*`)));
      });
    const finished = await metrify(
      ['cache', 'inspect', '--pattern', `${prefix}*`, '--exact', '--json', '--top', '10'],
      { env: { METRIFY_REDIS_URL: urls.join(',') } },
    );
    expect(finished.code, finished.stderr).toBe(0);
    const { result } = finished.json();
    expectAgreement(result, facts);
    expect(facts).toHaveLength(new Set([...commands, ...crowded].map(([, key]) => key)).size);
    expect(result.nodes.map(({ slots }: { slots: number }) => slots).sort()).toEqual([5461, 5461, 5462]);
    expect(result.slots[0].keys).toBeGreaterThanOrEqual(1000);
    const slot = await Probe.with(masters[0]!, 0, (probe) => probe.ask('CLUSTER', 'KEYSLOT', '{crowd}'));
    expect(result.slots[0].slot).toBe(slot);
    expect(
      result.advice.some(({ finding }: { finding: string }) =>
        finding.includes(`slot ${String(slot)} alone`),
      ),
    ).toBe(true);
  });
});

needs('memcached', 'postgres')('cache inspect of the other levels', () => {
  test('Memcached: by its metadump', async () => {
    const { urls, prefix } = await ownMemcached();
    for (let i = 0; i < 200; i++)
      await converse(urls[0]!, `set ${prefix}${i % 2 ? 'a' : 'b'}:${i} 0 ${i % 4 ? 3000 : 0} 5\r\nvalue\r\n`);
    const finished = await metrify(['cache', 'inspect', '--pattern', `${prefix}*`, '--exact', '--json'], {
      env: { METRIFY_MEMCACHED_SERVERS: urls.join(',') },
    });
    expect(finished.code, finished.stderr).toBe(0);
    const { result } = finished.json();
    expect(result.keys).toBe(200);
    expect(result.prefixes.map(({ prefix: name, keys }: Prefix) => [name, keys]).sort()).toEqual([
      [`${prefix.replace(/\d+:$/, '*:')}a:*`, 100],
      [`${prefix.replace(/\d+:$/, '*:')}b:*`, 100],
    ]);
    expect(result.ttlHistogram.find(({ upTo }: { upTo: string }) => upTo === 'never').keys).toBe(50);
    expect(result.ttlHistogram.find(({ upTo }: { upTo: string }) => upTo === '1h').keys).toBe(150);
    expect(result.nodes[0].node).toBe(urls[0]);
  });

  test('the database: by its rows, those that expired left out', async () => {
    const database = await ownDatabase();
    const env = { METRIFY_POSTGRES_URL: database.url };
    expect((await metrify(['cache', 'set', 'a:1', 'x'], { env })).code).toBe(0);
    await database.sql(`INSERT INTO metrify_cache
      SELECT 'r:' || i, repeat('x', i)::bytea, CASE WHEN i <= 50 THEN now() - interval '1s' WHEN i <= 100 THEN now() + interval '30m' END
      FROM generate_series(1, 300) i`);
    const { result } = (await metrify(['cache', 'inspect', '--json', '--exact'], { env })).json();
    expect(result.keys).toBe(251);
    const [row] = result.prefixes as Prefix[];
    expect(row).toMatchObject({ prefix: 'r:*', keys: 250, ttl: { withoutTtl: 200 } });
    expect(result.bigKeys[0]).toMatchObject({ key: 'r:300', elements: 300 });
  });
});

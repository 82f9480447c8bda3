import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { promisify } from 'node:util';

import { beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import {
  ownDatabase,
  ownMemcached,
  ownRedis,
  ownRedisCluster,
  type OwnDatabase,
  type OwnPrefix,
  type OwnRedis,
} from '../../servers/shared.js';
import { loadSimbench, type SimbenchData } from '../../servers/simbench.js';
import { memcachedGet } from '../cache/memcached-probe.js';
import { dumpCluster, Probe } from '../cache/redis-probe.js';
import { confirming } from '../confirm-name.js';
import { metrify } from '../run.js';

const meters = 36_063;
const latest = `SELECT DISTINCT ON (meter_id) meter_id, m.name, longitude, latitude, ts, kwh, kvarh
  FROM readings JOIN meters m USING (meter_id) ORDER BY meter_id, ts DESC`;
/** The same by another way, as the text it has to have: PostgreSQL alone puts it together, and psql prints it. */
const expectedValues = `SELECT m.meter_id || '=' || format('{"meter_id":%s,"name":%s,"longitude":%s,"latitude":%s,"ts":"%s","kwh":%s,"kvarh":%s}',
    m.meter_id, to_json(m.name), coalesce(longitude::text, 'null'), coalesce(latitude::text, 'null'),
    to_char(r.ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), r.kwh, r.kvarh)
  FROM meters m JOIN readings r ON r.meter_id = m.meter_id AND r.ts = (SELECT max(ts) FROM readings WHERE meter_id = m.meter_id)`;

needs(
  'redis',
  'memcached',
  'postgres',
  'psql',
  'simbench',
)('SimBench: a day of readings of 36,063 loads', () => {
  let database: OwnDatabase;
  let redis: OwnRedis;
  let cluster: OwnPrefix;
  let memcached: OwnPrefix;
  let data: SimbenchData;
  let expected: Map<string, string>;

  beforeAll(async () => {
    [database, redis, cluster, memcached] = await Promise.all([
      ownDatabase(),
      ownRedis(),
      ownRedisCluster(),
      ownMemcached(),
    ]);
    data = await loadSimbench(database.url, { days: 1 });
    const { stdout } = await promisify(execFile)('psql', [database.url, '-XAt', '-c', expectedValues], {
      maxBuffer: 2 ** 28,
      encoding: 'latin1',
    });
    expected = new Map(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  });

  test('are 3.46 million rows, and a value for every load', () => {
    expect(data).toMatchObject({ meters, readings: meters * 96 });
    expect(expected.size).toBe(meters);
  });

  const digest = (values: Map<string, string>) => {
    const hash = createHash('sha256');
    for (const key of [...values.keys()].sort()) hash.update(`${key}=${values.get(key)!}\n`);
    return hash.digest('hex');
  };
  const named = (prefix: string) =>
    new Map([...expected].map(([id, value]) => [`${prefix}${id}:latest`, value]));
  const strings = (held: Map<string, { value: string | object }>) =>
    new Map([...held].map(([key, { value }]) => [key, value as string]));

  const targets: {
    name: string;
    level: string;
    prefix: () => string;
    env: () => Record<string, string>;
    held: (prefix: string) => Promise<Map<string, string>>;
  }[] = [
    {
      name: 'Redis',
      level: 'redis',
      prefix: () => 'meter:',
      env: () => ({ METRIFY_REDIS_URL: redis.url }),
      held: async (prefix) =>
        strings(await Probe.with(redis.port, redis.database, (probe) => probe.dump(`${prefix}*`))),
    },
    {
      name: 'Redis Cluster',
      level: 'redis',
      prefix: () => `${cluster.prefix}meter:`,
      env: () => ({ METRIFY_REDIS_URL: cluster.urls.join(',') }),
      held: async (prefix) =>
        strings(await dumpCluster(Number(new URL(cluster.urls[0]!).port), `${prefix}*`)),
    },
    {
      name: 'Memcached',
      level: 'memcached',
      prefix: () => `${memcached.prefix}meter:`,
      env: () => ({ METRIFY_MEMCACHED_SERVERS: memcached.urls.join(',') }),
      held: (prefix) =>
        memcachedGet(
          memcached.urls[0]!,
          [...expected.keys()].map((id) => `${prefix}${id}:latest`),
        ),
    },
  ];

  test.each(targets)(
    'the latest of each in $name: every value is the database’s, inspect and flush agree',
    async ({ level, prefix, env, held }) => {
      const own = prefix();
      const environment = { ...env(), METRIFY_POSTGRES_URL: database.url };
      const warmed = await metrify(
        [
          'cache',
          'warm',
          '--sql',
          latest,
          '--key',
          `${own}{meter_id}:latest`,
          '--to',
          level,
          '--ttl',
          '1h',
          '--verify',
          '2000',
          '--json',
        ],
        { env: environment },
      );
      expect(warmed.code, warmed.stderr).toBe(0);
      expect(warmed.json().result).toMatchObject({ read: meters, written: meters, skipped: 0, failed: 0 });
      expect(warmed.json().result.verified).toMatchObject({ checked: 2000, mismatched: 0, missing: 0 });

      const there = await held(own);
      const wanted = named(own);
      if (digest(there) !== digest(wanted))
        for (const [key, value] of wanted) expect(there.get(key), key).toBe(value);
      expect(there.size).toBe(meters);

      const selection = ['--pattern', `${own}*`, '--level', level, '--json'];
      const inspected = await metrify(['cache', 'inspect', '--exact', ...selection], { env: environment });
      expect(inspected.code, inspected.stderr).toBe(0);
      const { result } = inspected.json();
      expect(result.keys).toBe(meters);
      expect(result.prefixes).toHaveLength(1);
      expect(result.prefixes[0]).toMatchObject({ keys: meters, ttl: { withoutTtl: 0 } });
      expect(result.prefixes[0].prefix).toMatch(/meter:\*:latest$/);

      const confirm = confirming(level, Object.values(env())[0]!.split(',')[0]!);
      const flushed = await metrify(['cache', 'flush', ...selection, ...confirm], { env: environment });
      expect(flushed.code, flushed.stderr).toBe(0);
      expect(flushed.json().result).toMatchObject({ matched: meters, deleted: meters });
      expect((await held(own)).size).toBe(0);
    },
  );
});

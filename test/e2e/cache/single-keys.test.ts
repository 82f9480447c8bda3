import { beforeAll, describe, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { ownDatabase, ownMemcached, ownRedis, ownRedisCluster, type OwnRedis } from '../../servers/shared.js';
import { metrify, shell } from '../run.js';
import { Probe } from './redis-probe.js';

needs(
  'redis',
  'memcached',
  'postgres',
)('cache get, set and delete', () => {
  const environments: Record<string, { env: Record<string, string>; prefix: string }> = {};
  let redis: OwnRedis;
  beforeAll(async () => {
    const [single, cluster, memcached, database] = await Promise.all([
      ownRedis(),
      ownRedisCluster(),
      ownMemcached(),
      ownDatabase(),
    ]);
    redis = single;
    environments['redis'] = { env: { METRIFY_REDIS_URL: single.url }, prefix: '' };
    environments['cluster'] = { env: { METRIFY_REDIS_URL: cluster.urls.join(',') }, prefix: cluster.prefix };
    environments['memcached'] = {
      env: { METRIFY_MEMCACHED_SERVERS: memcached.urls[0]! },
      prefix: memcached.prefix,
    };
    environments['database'] = { env: { METRIFY_POSTGRES_URL: database.url }, prefix: '' };
  });

  describe.each(['redis', 'cluster', 'memcached', 'database'])('on %s', (name) => {
    const run = (args: string[], stdin?: string) =>
      metrify(['cache', ...args], {
        env: environments[name]!.env,
        ...(stdin === undefined ? {} : { stdin }),
      });
    const key = (text: string) => `${environments[name]!.prefix}${text}`;

    test('a value and its time to live, and then neither', async () => {
      const text = 'Zähler 5 €\n"zwei"';
      expect((await run(['set', key('ä:1'), text, '--ttl', '1h'])).code).toBe(0);
      const found = await run(['get', key('ä:1'), '--json']);
      expect(found.code, found.stderr).toBe(0);
      const { result } = found.json();
      expect(result).toMatchObject({
        key: key('ä:1'),
        found: true,
        value: text,
        bytes: Buffer.byteLength(text),
      });
      expect(result.ttlMs).toBeGreaterThan(3_400_000);
      expect(result.ttlMs).toBeLessThanOrEqual(3_600_000);
      expect((await run(['get', key('ä:1')])).stdout).toBe(text);

      expect((await run(['delete', key('ä:1'), '--json'])).json().result).toMatchObject({ deleted: true });
      expect((await run(['delete', key('ä:1'), '--json'])).json().result).toMatchObject({ deleted: false });
      const gone = await run(['get', key('ä:1'), '--json']);
      expect(gone.code).toBe(3);
      expect(gone.json()).toMatchObject({ verdict: 'failed', result: { found: false } });
    });

    test('standard input, to the last byte; an empty value; no expiry', async () => {
      const long = `${'x'.repeat(300_000)}\n`;
      expect((await run(['set', key('long'), '-'], long)).code).toBe(0);
      const { result } = (await run(['get', key('long'), '--json'])).json();
      expect(result).toMatchObject({ bytes: 300_001, ttlMs: -1 });
      expect(result.value === long).toBe(true);
      expect((await run(['set', key('empty'), ''])).code).toBe(0);
      expect((await run(['get', key('empty'), '--json'])).json().result).toMatchObject({
        value: '',
        bytes: 0,
      });
      for (const word of ['long', 'empty']) await run(['delete', key(word)]);
    });

    test('bytes that are no text', async () => {
      const script = `printf '\\000\\377\\r\\n\\200' | metrify cache set "$KEY" - && metrify cache get "$KEY" --json`;
      const { code, stdout } = await shell(script, {
        env: { ...environments[name]!.env, KEY: key('bytes') },
      });
      expect(code).toBe(0);
      const { result } = JSON.parse(stdout.slice(stdout.indexOf('{"command":"cache.get"')));
      expect(Buffer.from(result.valueBase64, 'base64').toString('hex')).toBe('00ff0d0a80');
      await run(['delete', key('bytes')]);
    });

    test('a dry run changes nothing', async () => {
      expect((await run(['set', key('dry'), 'x', '--dry-run'])).code).toBe(0);
      expect((await run(['get', key('dry')])).code).toBe(3);
    });
  });

  test('hashes are shown by their fields, lists are refused', async () => {
    await Probe.with(redis.port, redis.database, async (probe) => {
      await probe.ask('HSET', 'h', 'kwh', '1.50', 'name', 'a');
      await probe.ask('RPUSH', 'l', 'a');
    });
    const { env } = environments['redis']!;
    expect((await metrify(['cache', 'get', 'h', '--json'], { env })).json().result.value).toEqual({
      kwh: '1.50',
      name: 'a',
    });
    const list = await metrify(['cache', 'get', 'l', '--json'], { env });
    expect(list.code).toBe(2);
    expect(JSON.parse(list.stderr).error.code).toBe('WRONG_TYPE');
  });

  test('cluster status and check of a healthy cluster; of a single server, exit 2', async () => {
    const { env } = environments['cluster']!;
    const status = (await metrify(['cache', 'cluster', 'status', '--json'], { env })).json();
    expect(status.result).toMatchObject({ state: 'ok', slotsAssigned: 16_384 });
    expect(status.result.masters).toHaveLength(3);
    for (const master of status.result.masters) {
      expect(master.replicas).toHaveLength(1);
      expect(master.failover).toMatchObject({ possible: true, lostKeys: 0, sameHost: true });
    }
    const check = await metrify(['cache', 'cluster', 'check', '-o', 'ndjson'], { env });
    const checks = check.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { name: string; failure?: string });
    expect(checks.length).toBeGreaterThan(5);
    // What other tests keep in this cluster may crowd one master.
    const failures = checks.filter(({ failure }) => failure !== undefined);
    expect(failures.filter(({ name }) => !name.endsWith('is not overloaded'))).toEqual([]);
    expect(check.code, check.stderr).toBe(failures.length > 0 ? 3 : 0);
    const single = await metrify(['cache', 'cluster', 'check', '--json'], {
      env: environments['redis']!.env,
    });
    expect(single.code).toBe(2);
    expect(JSON.parse(single.stderr).error.code).toBe('NO_CLUSTER');
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { replayable } from '../../random.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { startRedisCluster, type ClusterNode, type RedisCluster } from '../../servers/redis-cluster.js';
import { dumpCluster, Probe, type Held } from '../cache/redis-probe.js';
import { confirming } from '../confirm-name.js';
import { metrify, startMetrify } from '../run.js';

const rows = 24_000;
const { random } = replayable('instants at which a master is killed');
const rounds = [1, 2, 3].map((round) => ({ round, warmed: random(), flushed: random() }));

needs('redis')('a Redis Cluster in trouble', () => {
  let cluster: RedisCluster;
  let folder: TemporaryDirectory;
  let file: string;

  beforeAll(async () => {
    [cluster, folder] = await Promise.all([
      startRedisCluster({ nodeTimeoutMs: 1000 }),
      temporaryDirectory('cluster'),
    ]);
    file = join(folder.path, 'meters.csv');
    const lines = Array.from({ length: rows }, (_, i) => `${i + 1},value-${i + 1}`);
    await writeFile(file, `id,name\n${lines.join('\n')}\n`);
  });
  beforeEach(async () => {
    for (const [index, { server }] of cluster.nodes.entries())
      if (!server.running) await cluster.restartNode(index);
    await cluster.ready();
    for (const node of await masters()) await node.server.cli('FLUSHALL');
  });
  afterAll(async () => {
    await cluster.stop();
    await folder.remove();
  });

  const env = () => ({ METRIFY_REDIS_URL: cluster.urls.join(','), METRIFY_REQUEST_TIMEOUT: '60s' });
  const warm = (...more: string[]) => [
    ...['cache', 'warm', '--file', file, '--key', 'm:{id}', '--value', 'column:name', '--json', ...more],
  ];
  const living = () => cluster.nodes.find(({ server }) => server.running)!.port;
  const held = (): Promise<Map<string, Held>> => dumpCluster(living());
  async function masters(): Promise<ClusterNode[]> {
    const ports = (await cluster.topology())
      .filter(({ role, failed, slots }) => role === 'master' && !failed && slots.length > 0)
      .map(({ port }) => port);
    return cluster.nodes.filter(({ port }) => ports.includes(port));
  }
  /** Of all masters together. */
  async function size(): Promise<number> {
    const sizes = await Promise.all(
      (await masters()).map(({ port }) => Probe.with(port, 0, (probe) => probe.ask('DBSIZE')).catch(() => 0)),
    );
    return sizes.reduce<number>((sum, one) => sum + (one as number), 0);
  }
  async function replicated(): Promise<void> {
    await until('the replicas have everything', async () => {
      const sizes = await Promise.all(cluster.nodes.map(({ server }) => server.cli('DBSIZE')));
      return sizes.reduce((sum, one) => sum + Number(one), 0) === 2 * rows;
    });
  }

  test.each(rounds)('a master is killed in the middle of a warm, round $round', async (the) => {
    const { round, warmed: instant } = the;
    const more = round === 2 ? ['--ttl', '1h'] : round === 3 ? ['--rate', '12000'] : [];
    const running = await startMetrify(warm(...more), { env: env() });
    await until('some keys are there', async () => (await size()) > instant * rows * 0.7, { everyMs: 1 });
    const victim = (await masters())[round - 1]!;
    await victim.server.kill();
    const finished = await running.finished;
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.json().result, `killed at ${instant}`).toMatchObject({
      read: rows,
      written: rows,
      skipped: 0,
      failed: 0,
    });
    await cluster.ready();
    const found = await held();
    expect(found.size, `killed at ${instant}`).toBe(rows);
    for (const [key, { value }] of found) expect(value).toBe(`value-${key.slice(2)}`);
  });

  test.each(rounds)('a master is killed in the middle of a flush, round $round', async (the) => {
    const { round, flushed: instant } = the;
    const kept = `other:${round}`;
    expect((await metrify(warm(), { env: env() })).code).toBe(0);
    await replicated();
    await Promise.all(
      (await masters()).map(({ server }) => server.cli('-c', 'SET', kept, '1').catch(() => undefined)),
    );
    const more = round === 3 ? ['--rate', '12000'] : [];
    const flush = [
      'cache',
      'flush',
      '--pattern',
      'm:*',
      ...confirming('redis', cluster.urls[0]!),
      '--json',
      ...more,
    ];
    const running = await startMetrify(flush, { env: env() });
    await until('some keys are gone', async () => (await size()) < rows * (1 - instant * 0.7), {
      everyMs: 1,
    });
    const victim = (await masters())[round % 3]!;
    await victim.server.kill();
    const finished = await running.finished;
    expect(finished.code, finished.stderr).toBe(0);
    const { result } = finished.json();
    expect(result, `killed at ${instant}`).toMatchObject({ deleted: rows, matched: rows });
    expect(result.byPrefix).toEqual([{ prefix: 'm:*', keys: rows }]);
    await cluster.ready();
    expect([...(await held()).keys()]).toEqual([kept]);
  });

  test('a slot is moved in the middle of a warm: every key is on its new master', async () => {
    const [source, target] = await masters();
    const probe = await Probe.connect(source!.port);
    const tag = await someTag(probe, source!);
    const slot = String(await probe.ask('CLUSTER', 'KEYSLOT', tag));
    const args = warm('--rate', '5000').map((arg) => (arg === 'm:{id}' ? `m:{{${tag}}}:{id}` : arg));
    const running = await startMetrify(args, { env: env() });
    await until('some keys are there', async () => (await size()) > 4000);

    await target!.server.cli('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source!.id);
    await source!.server.cli('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target!.id);
    for (let batch = 0; ; batch++) {
      const keys = (await probe.ask('CLUSTER', 'GETKEYSINSLOT', slot, '200')) as string[];
      if (keys.length === 0) break;
      await probe.ask('MIGRATE', '127.0.0.1', String(target!.port), '', '0', '5000', 'KEYS', ...keys);
      if (batch % 4 === 0) await delay(10);
    }
    await delay(150);
    for (const node of [target!, source!])
      await node.server.cli('CLUSTER', 'SETSLOT', slot, 'NODE', target!.id);
    probe.close();

    const finished = await running.finished;
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.json().result).toMatchObject({ read: rows, written: rows, failed: 0 });
    await until('the cluster agrees', async () => (await held()).size === rows);
    expect(Number(await target!.server.cli('DBSIZE'))).toBe(rows);
    for (const [key, { value }] of await held()) expect(value).toBe(`value-${key.split(':')[2]}`);
  });

  test('cluster check: a replica that is gone is a failure, and says what would be lost with its master', async () => {
    expect((await metrify(warm(), { env: env() })).code).toBe(0);
    const healthy = await metrify(['cache', 'cluster', 'check', '--json'], { env: env() });
    expect(healthy.code, healthy.stdout).toBe(0);
    const replica = (await cluster.topology()).find(({ role }) => role === 'replica')!;
    await cluster.nodes.find(({ port }) => port === replica.port)!.server.kill();

    const junit = join(folder.path, 'cluster.xml');
    const finished = await metrify(['cache', 'cluster', 'check', '--json', '--junit', junit], { env: env() });
    expect(finished.code, finished.stderr).toBe(3);
    const { checks } = finished.json().result as { checks: { name: string; failure?: string }[] };
    const failures = checks.filter(({ failure }) => failure !== undefined);
    const lost = failures.find(({ name }) => name.includes('take over'))!;
    const master = /127\.0\.0\.1:(\d+)/.exec(lost.name)![1]!;
    const keys = Number(
      await cluster.nodes.find(({ port }) => String(port) === master)!.server.cli('DBSIZE'),
    );
    expect(lost.failure).toContain(`${keys.toLocaleString('en')} keys would be lost`);
    expect(lost.failure).toContain(`127.0.0.1:${replica.port}`);

    const status = await metrify(['cache', 'cluster', 'status', '--json'], { env: env() });
    expect(status.code).toBe(0);
    const { result } = status.json();
    expect(result).toMatchObject({ state: 'ok', slotsAssigned: 16_384, keys: rows });
    const without = result.masters.filter(
      (one: { failover: { possible: boolean } }) => !one.failover.possible,
    );
    expect(without).toHaveLength(1);
    expect(without[0]).toMatchObject({ node: `127.0.0.1:${master}`, keys, failover: { lostKeys: keys } });
    expect((await metrify(['cache', 'cluster', 'status'], { env: env() })).stdout).toMatch(/all [\d,]+ keys/);
  });
});

/** A word whose slot the node serves. */
async function someTag(probe: Probe, node: ClusterNode): Promise<string> {
  for (let i = 0; ; i++) {
    const answer = await probe.ask('EXISTS', `{t${i}}`).catch(() => undefined);
    if (answer !== undefined && node.port > 0) return `t${i}`;
  }
}

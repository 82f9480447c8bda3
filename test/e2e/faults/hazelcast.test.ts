import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import {
  startHazelcast,
  startHazelcastCluster,
  type HazelcastOptions,
  type HazelcastServer,
} from '../../servers/hazelcast.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { confirming } from '../confirm-name.js';
import { metrify, startMetrify } from '../run.js';

const rows = 20_000;
let folder: TemporaryDirectory;
let file: string;
const servers: HazelcastServer[] = [];

beforeAll(async () => {
  folder = await temporaryDirectory('faults');
  file = join(folder.path, 'meters.csv');
  const lines = Array.from({ length: rows }, (_, i) => `${i + 1},${nameOf(i + 1)}`);
  await writeFile(file, `id,name\n${lines.join('\n')}\n`);
});
afterEach(async () => {
  for (const server of servers.splice(0)) {
    await server.kill();
    await server.stop();
  }
});
afterAll(() => folder.remove());

const nameOf = (id: number) => `${'x'.repeat(40)}${id}`;

async function member(options: HazelcastOptions = {}): Promise<HazelcastServer> {
  const server = await startHazelcast(options);
  servers.push(server);
  return server;
}

const on = ({ url }: HazelcastServer) => ['--hazelcast-url', url, '--json'];
const warm = (server: HazelcastServer, ...more: string[]) => [
  ...['cache', 'warm', '--file', file, '--key', 'm:{id}', '--value', 'column:name', '--to', 'hazelcast'],
  ...on(server),
  ...more,
];

needs('hazelcast')('a Hazelcast member', () => {
  test('is warmed, inspected, read, written to and flushed', async () => {
    const server = await member();
    const warmed = await metrify(warm(server, '--ttl', '1h', '--verify', 'all'));
    expect(warmed.code, warmed.stderr).toBe(0);
    expect(warmed.json().result).toMatchObject({ read: rows, written: rows, failed: 0, restarts: 0 });
    expect(warmed.json().result.verified).toMatchObject({ checked: rows, mismatched: 0, missing: 0 });
    const held = await server.entries('metrify');
    expect(held.size).toBe(rows);
    for (const [key, { value, ttlMs }] of held) {
      expect(value).toBe(nameOf(Number(key.slice(2))));
      expect(ttlMs).toBeGreaterThan(3_500_000);
    }

    const inspected = (await metrify(['cache', 'inspect', '--exact', ...on(server)])).json().result;
    expect(inspected).toMatchObject({ keys: rows, mode: 'exact' });
    expect(inspected.prefixes[0]).toMatchObject({ prefix: 'm:*', keys: rows });
    expect(inspected.ttlHistogram.find(({ upTo }: { upTo: string }) => upTo === '1h').keys).toBe(rows);

    const set = await metrify(['cache', 'set', 'm:1', 'new', '--ttl', '10m', ...on(server)]);
    expect(set.code, set.stderr).toBe(0);
    const got = await metrify(['cache', 'get', 'm:1', ...on(server)]);
    expect(got.json().result).toMatchObject({ value: 'new' });
    const deleted = await metrify(['cache', 'delete', 'm:1', ...on(server)]);
    expect(deleted.code, deleted.stderr).toBe(0);
    expect(await server.size('metrify')).toBe(rows - 1);

    const flushed = await metrify([
      ...['cache', 'flush', '--pattern', 'm:1*', ...confirming('hazelcast', server.url), ...on(server)],
    ]);
    expect(flushed.code, flushed.stderr).toBe(0);
    const ones = [...held.keys()].filter((key) => key.startsWith('m:1')).length - 1;
    expect(flushed.json().result).toMatchObject({ matched: ones, deleted: ones });
    expect(await server.size('metrify')).toBe(rows - 1 - ones);

    const doctor = await metrify(['doctor', '--json'], { env: { METRIFY_HAZELCAST_URL: server.url } });
    expect(doctor.json().result.systems[0]).toMatchObject({
      system: 'Hazelcast',
      target: `127.0.0.1:${server.port}`,
      state: 'ok',
      version: '5.5.0',
    });
  });

  test('that is killed in the middle of a warm comes back empty: exit 3, and a warning', async () => {
    const server = await member();
    const running = await startMetrify(warm(server, '--rate', '4000'));
    await until('a third is written', async () => (await server.size('metrify')) > rows / 3);
    await server.kill();
    await server.restart();
    const finished = await running.finished;
    expect(finished.code, finished.stderr).toBe(3);
    const { result, warnings, verdict } = finished.json();
    expect(verdict).toBe('failed');
    expect(result).toMatchObject({ read: rows, written: rows, failed: 0, restarts: 1 });
    expect(warnings.join()).toContain('restarted');
    const held = await server.size('metrify');
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(rows * 0.67);
    const { checked, missing, mismatched } = result.verified;
    expect(mismatched).toBe(0);
    expect(Math.abs(missing / checked - (1 - held / rows))).toBeLessThan(0.06);
  });

  test.each(['hangs', 'stays away'])('that %s: exit 5 within the time-out, naming it', async (how) => {
    const server = await member();
    const env = { METRIFY_REQUEST_TIMEOUT: '4s', METRIFY_CONNECT_TIMEOUT: '4s' };
    const running = await startMetrify(warm(server, '--rate', '4000'), { env });
    await until('a part is written', async () => (await server.size('metrify')) > 3000);
    if (how === 'hangs') server.pause();
    else await server.kill();
    const since = performance.now();
    const finished = await running.finished;
    expect(finished.code, finished.stderr).toBe(5);
    expect(performance.now() - since).toBeLessThan(50_000);
    const { error } = JSON.parse(finished.stderr.trim().split('\n').at(-1)!);
    expect(error.message).toContain(`127.0.0.1:${server.port}`);
    expect(finished.json().result.written).toBeGreaterThan(1000);

    const asked = performance.now();
    const got = await metrify(['cache', 'get', 'm:1', ...on(server)], { env });
    expect(got.code, got.stderr).toBe(5);
    expect(performance.now() - asked).toBeLessThan(30_000);
    server.resume();
  });

  test('near its size limit evicts: the sample finds keys missing, exit 3', async () => {
    const eviction = { 'eviction-policy': 'LRU', 'max-size-policy': 'PER_NODE', size: 5000 };
    const server = await member({ maps: { metrify: { eviction } } });
    const finished = await metrify(warm(server, '--verify', '2000'));
    expect(finished.code, finished.stderr).toBe(3);
    const { checked, mismatched, missing } = finished.json().result.verified;
    const held = await server.size('metrify');
    expect(held).toBeLessThan(10_000);
    expect([checked, mismatched]).toEqual([2000, 0]);
    expect(Math.abs(missing / 2000 - (1 - held / rows))).toBeLessThan(0.06);
  });

  test('of another cluster refuses us: exit 5', async () => {
    const server = await member({ clusterName: 'production' });
    const finished = await metrify(['cache', 'get', 'x', ...on(server)]);
    expect(finished.code, finished.stderr).toBe(5);
    expect(finished.stderr).toContain(`127.0.0.1:${server.port} refused us`);
    const env = { METRIFY_HAZELCAST_CLUSTER_NAME: 'production' };
    expect((await metrify(['cache', 'set', 'x', 'y', ...on(server)], { env })).code).toBe(0);
  });

  test('of several is killed in the middle of a warm and of a flush: nothing is lost, every count is true', async () => {
    const members = await startHazelcastCluster(3);
    servers.push(...members);
    const last = members[2]!;
    const running = await startMetrify(warm(last, '--rate', '5000', '--verify', 'all'));
    await until('a third is written', async () => (await last.size('metrify')) > rows / 3);
    await members[0]!.kill();
    const finished = await running.finished;
    expect(finished.code, finished.stderr).toBe(0);
    expect(finished.json().result).toMatchObject({ written: rows, failed: 0, restarts: 0 });
    expect(finished.json().result.verified).toMatchObject({ checked: rows, missing: 0, mismatched: 0 });
    expect(await last.size('metrify')).toBe(rows);

    const flush = ['cache', 'flush', '--all', ...confirming('hazelcast', last.url), '--rate', '5000'];
    const flushing = await startMetrify([...flush, ...on(last)]);
    await until('a third is gone', async () => (await last.size('metrify')) < (rows * 2) / 3);
    await members[1]!.kill();
    const flushed = await flushing.finished;
    expect(flushed.code, flushed.stderr).toBe(0);
    expect(await last.size('metrify')).toBe(0);
    const { matched, deleted } = flushed.json().result;
    expect(matched).toBe(rows);
    // Answers that were lost with the member: removed, and counted as gone already.
    expect(deleted).toBeGreaterThan(rows - 2048);
  });
});

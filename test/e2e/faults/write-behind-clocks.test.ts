import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { partitionKeys, partitionOf } from '../../../src/lib/cache/write-behind/keys.js';
import { WriteBehind } from '../../../src/lib/cache/write-behind/writer.js';
import { openRedis, type RedisClient } from '../../../src/lib/clients/redis/client.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, ownRedis, type OwnDatabase, type OwnRedis } from '../../servers/shared.js';
import { metrify, startMetrify } from '../run.js';
import { toBytes, type ByteString } from '../../../src/lib/core/bytes.js';

const tables = { log: { key: ['id', 'seq'] } };
const hour = 3600_000;

needs(
  'redis',
  'postgres',
  'faketime',
)('write-behind while clocks jump', () => {
  let folder: TemporaryDirectory;
  let redis: OwnRedis;
  let database: OwnDatabase;
  let client: RedisClient;
  let queue: WriteBehind;
  let config: string;
  const stop = new AbortController();

  beforeAll(async () => {
    [folder, redis, database] = await Promise.all([temporaryDirectory('clocks'), ownRedis(), ownDatabase()]);
    await database.sql('CREATE TABLE log (id int, seq int, at bigserial)');
    config = join(folder.path, 'metrify.config.yaml');
    await writeFile(
      config,
      `environments: { default: { redis: { url: "${redis.url}" }, postgres: { url: "${database.url}" },
        cache: { writeBehind: { durability: memory, tables: { log: { key: [id, seq] } } } } } }\n`,
    );
    const timeouts = { connectTimeoutMs: 20_000, requestTimeoutMs: 20_000 };
    client = await openRedis({ nodes: [redis.url] }, timeouts, stop.signal);
    queue = await WriteBehind.open(client, { tables, durability: 'memory', signal: stop.signal });
  });
  afterAll(async () => {
    queue?.close();
    client?.close();
    stop.abort();
    await folder?.remove();
  });

  /** A host whose clock says what is in a file, whenever it is asked; durations are true. */
  const host = async (name: string) => {
    const file = join(folder.path, name);
    const jump = (ms: number) => writeFile(file, `${ms < 0 ? '' : '+'}${ms / 1000}\n`);
    await jump(0);
    const library = ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu']
      .map((path) => `${path}/faketime/libfaketime.so.1`)
      .find(existsSync);
    const env = {
      LD_PRELOAD: library!,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    };
    return { jump, env };
  };
  const write = (id: number, seq: number) =>
    queue.writeBehind(toBytes(`meter:${id}`), undefined, { table: 'log', row: { id, seq } }, 'insert');
  const seqs = async (id: number) =>
    (await database.sql('SELECT seq FROM log WHERE id = $1 ORDER BY at', [id])).map(
      ({ seq }) => seq as number,
    );
  const status = async (env: Record<string, string>) =>
    (await metrify(['-c', config, 'cache', 'queue', 'status', '--json'], { env })).json().result;

  test('a worker whose host jumps keeps its partitions and its order, and no other gets them', async () => {
    const { jump, env } = await host('worker');
    const running = await startMetrify(['-c', config, 'cache', 'worker', '--lease', '8s', '--json'], { env });
    let seq = 0;
    await write(1, ++seq);
    await until('the worker works', async () => (await seqs(1)).length === 1);
    const leases = () =>
      Promise.all(Array.from({ length: 16 }, (_, i) => client.call(['GET', partitionKeys(i).lease])));
    await until('it has every partition', async () => !(await leases()).includes(null));
    const before = await leases();
    for (const ms of [24 * hour, -24 * hour, 365 * 24 * hour, -hour, 0]) {
      await jump(ms);
      await write(1, ++seq);
      await until(`write ${seq} is applied`, async () => (await seqs(1)).length === seq);
    }
    // Longer than the lease: it was renewed across the jumps, by the same worker.
    await delay(9000);
    expect(await leases()).toEqual(before);
    running.signal('SIGTERM');
    const finished = await running.finished;
    expect(finished.code).toBe(0);
    expect(finished.json()).toMatchObject({ result: { applied: seq, retries: 0, losses: [] } });
    expect(await seqs(1)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test("ages are the server's, whatever the host's clock says", async () => {
    await write(2, 1);
    for (const ms of [24 * hour, -24 * hour]) {
      const { jump, env } = await host('reader');
      await jump(ms);
      const { waiting, oldestMs } = await status(env);
      expect(waiting).toBe(1);
      expect(oldestMs).toBeGreaterThanOrEqual(0);
      expect(oldestMs).toBeLessThan(hour / 2);
    }
    const { jump, env } = await host('early');
    await jump(-24 * hour);
    const drained = await metrify(['-c', config, 'cache', 'worker', '--until-empty', '--json'], { env });
    expect(drained.json().result).toMatchObject({ applied: 1 });
  });

  test("the server's own clock was ahead and went back: order and versions still grow", async () => {
    const { stream } = partitionKeys(partitionOf(toBytes('meter:3'), 16));
    const first = await write(3, 1);
    const [seconds] = (await client.call(['TIME'])) as [ByteString, ByteString];
    const ahead = Number(seconds) * 1000 + hour;
    await client.call(['XSETID', stream, toBytes(`${ahead}-0`)]);
    const later = [await write(3, 2), await write(3, 3)];
    expect(later[0]!.id).toBe(`${ahead}-1`);
    expect(later[0]!.version).toBeGreaterThan(first.version);
    expect(later[1]!.version).toBeGreaterThan(later[0]!.version);
    expect((await status({})).oldestMs).toBeLessThan(hour / 2);
    const drained = await metrify(['-c', config, 'cache', 'worker', '--until-empty', '--json']);
    expect(drained.json().result).toMatchObject({ applied: 3, losses: [], failed: 0 });
    expect(await seqs(3)).toEqual([1, 2, 3]);
  });
});

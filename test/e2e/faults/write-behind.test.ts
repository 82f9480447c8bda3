import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { WriteBehind } from '../../../src/lib/cache/write-behind/writer.js';
import { openRedis } from '../../../src/lib/clients/redis/client.js';
import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { startPostgres, type PostgresServer } from '../../servers/postgres.js';
import { freeze, temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { startRedis, type RedisServer } from '../../servers/redis.js';
import { metrify, startMetrify, type Running } from '../run.js';
import { toBytes } from '../../../src/lib/core/bytes.js';

const { seed, random } = replayable('instants at which workers and servers are killed');
const rounds = scaled(100);
const keys = 40;
const tables = { meters: { key: ['id'] }, log: { key: ['id', 'seq'] } };

needs('redis', 'postgres')(`write-behind, killed ${rounds} times (METRIFY_TEST_SEED=${seed})`, () => {
  let folder: TemporaryDirectory;
  let redis: RedisServer;
  let postgres: PostgresServer;
  let config: string;
  const stop = new AbortController();

  beforeAll(async () => {
    folder = await temporaryDirectory('write-behind');
    [redis, postgres] = await Promise.all([
      startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] }),
      startPostgres(),
    ]);
    config = join(folder.path, 'metrify.config.yaml');
    await writeFile(
      config,
      `environments: { default: { redis: { url: "${redis.url}" }, postgres: { url: "${postgres.url}" }, connectTimeout: 20s,
        cache: { writeBehind: { durability: fsync, tables: { meters: { key: [id] }, log: { key: [id, seq] } } } } } }\n`,
    );
    // What a trigger saw, in order: an entry applied twice or out of order shows here, whatever the end looks like.
    await postgres.sql(
      'postgres',
      `CREATE TABLE meters (id int PRIMARY KEY, seq int NOT NULL);
       CREATE TABLE log (id int, seq int, at bigserial);
       CREATE TABLE audit (at bigserial PRIMARY KEY, id int, seq int);
       CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN INSERT INTO audit (id, seq) VALUES (NEW.id, NEW.seq); RETURN NEW; END';
       CREATE TRIGGER note AFTER INSERT OR UPDATE ON meters FOR EACH ROW EXECUTE FUNCTION note()`,
    );
  });
  afterAll(async () => {
    stop.abort();
    await Promise.all([redis?.stop(), postgres?.stop()]);
    await folder.remove();
  });

  const worker = (...more: string[]): Promise<Running> =>
    startMetrify(['-c', config, 'cache', 'worker', '--lease', '300ms', '--batch', '50', '--json', ...more], {
      timeoutMs: scaled(900_000),
    });

  const logged = async () =>
    (await postgres.sql('postgres', 'SELECT count(*)::int AS n FROM log'))[0]!['n'] as number;

  test('nothing lost, nothing twice, every key in order', { timeout: scaled(1_200_000) }, async () => {
    const client = await openRedis(
      { nodes: [redis.url] },
      { connectTimeoutMs: 20_000, requestTimeoutMs: 20_000 },
      stop.signal,
    );
    const losses: unknown[] = [];
    const queue = await WriteBehind.open(client, {
      tables,
      durability: 'fsync',
      signal: stop.signal,
      onLoss: (loss) => losses.push(loss),
    });
    const sent = Array.from({ length: keys }, () => 0);
    let writing = true;
    const writers = Array.from({ length: 4 }, async (_, lane) => {
      for (let i = lane; writing; i = (i + 4) % keys) {
        const seq = ++sent[i]!;
        const into = (table: string, operation: 'insert' | 'upsert') =>
          queue.writeBehind(toBytes(`meter:${i}`), undefined, { table, row: { id: i, seq } }, operation);
        await into('meters', 'upsert');
        await into('log', 'insert');
        await delay(2);
      }
    });

    let databaseKills = 0;
    let redisKills = 0;
    let atWork = 0;
    for (let round = 0; round < rounds; round++) {
      const before = await logged();
      const running = await worker();
      // Some while they start, wherever that is; the others after they have applied something.
      const [idle, pause, victim] = [random() < 0.25, random(), random()];
      const isAtWork = async () => (await logged()) > before;
      // A lease of 300 ms may be lost several times on a busy machine before something is applied.
      if (!idle) await until('the worker is at work', isAtWork, { everyMs: 5, timeoutMs: 300_000 });
      await delay(pause * (idle ? 750 : 300));
      if (victim < 0.1) {
        await postgres.kill();
        databaseKills++;
        await postgres.restart();
        await delay(random() * 300);
      } else if (victim < 0.15) {
        await redis.kill();
        redisKills++;
        await redis.restart();
        await delay(random() * 300);
      }
      running.signal('SIGKILL');
      await running.finished;
      if ((await logged()) > before) atWork++;
    }
    writing = false;
    await Promise.all(writers);
    queue.close();
    client.close();

    const before = await logged();
    const last = await metrify(['-c', config, 'cache', 'worker', '--until-empty', '--json'], {
      timeoutMs: 600_000,
    });
    expect(last.code, last.stderr + last.stdout).toBe(0);
    const total = sent.reduce((sum, count) => sum + count, 0);
    // Otherwise the kills hit workers that did nothing.
    expect(atWork).toBeGreaterThan(rounds / 2);
    console.log(
      `seed ${seed}: ${rounds} workers killed, ${atWork} of them at work, PostgreSQL ${databaseKills} times, Redis ${redisKills} times; ${2 * total} writes, ${2 * before} before the last worker`,
    );
    expect(losses).toEqual([]);
    const expected = sent.map((count, id) => ({
      id,
      seqs: Array.from({ length: count }, (_, i) => i + 1),
    }));
    const inOrder = (table: string) =>
      postgres.sql(
        'postgres',
        `SELECT id, array_agg(seq ORDER BY at) AS seqs FROM ${table} GROUP BY id ORDER BY id`,
      );
    expect(await inOrder('log')).toEqual(expected);
    expect(await inOrder('audit')).toEqual(expected);
  });

  test('a worker that was frozen past its lease cannot write', async () => {
    const client = await openRedis(
      { nodes: [redis.url] },
      { connectTimeoutMs: 20_000, requestTimeoutMs: 20_000 },
      stop.signal,
    );
    const queue = await WriteBehind.open(client, { tables, durability: 'fsync', signal: stop.signal });
    const count = 3000;
    const start = await logged();
    const applied = async () => (await logged()) - start;
    const leases = Array.from({ length: 16 }, (_, i) => `{metrify:queue:${i}}:lease`);
    const areLeased = async () => (await redis.cli('EXISTS', ...leases)) === '16';
    // Long enough for a machine that stalls: frozen is only what is frozen here.
    const first = await worker('--lease', '4s');
    await until('the first worker has its partitions', areLeased);
    const write = (from: number, to: number) =>
      Promise.all(
        Array.from({ length: to - from }, (_, n) => {
          const [id, seq] = [(from + n) % 50, from + n];
          const row = { id: 1000 + id, seq };
          return queue.writeBehind(toBytes(`frozen:${id}`), undefined, { table: 'log', row }, 'insert');
        }),
      );
    const writing = write(0, count / 2);
    await until('it is in the middle', async () => (await applied()) > 50, { everyMs: 2 });
    freeze(first.pid);
    await writing;
    await write(count / 2, count);
    const second = await worker('--until-empty');
    expect((await second.finished).code).toBe(0);
    expect(await applied()).toBe(count);
    expect(await areLeased()).toBe(false);
    first.signal('SIGCONT');
    await until('it has its partitions again', areLeased);
    first.signal('SIGTERM');
    expect((await first.finished).code).toBe(0);
    expect(await applied()).toBe(count);
    const disorder = await postgres.sql(
      'postgres',
      `SELECT id FROM (SELECT id, seq, lag(seq) OVER (PARTITION BY id ORDER BY at) AS before FROM log WHERE id >= 1000) l
       WHERE before >= seq`,
    );
    expect(disorder).toEqual([]);
    queue.close();
    client.close();
  });
});

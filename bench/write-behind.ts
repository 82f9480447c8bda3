import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Redis } from 'ioredis';

import { newOperationId } from '../src/lib/cache/write-behind/operation-id.js';
import { WriteBehind } from '../src/lib/cache/write-behind/writer.js';
import { openRedis } from '../src/lib/clients/redis/client.js';
import { startPostgres } from '../test/servers/postgres.js';
import { type Bench, type Benchmark, type Finding, metrify, type Series } from './lib/bench.js';
import { must, privateRedis } from './lib/redis.js';
import { run } from './lib/run.js';
import { toBytes } from '../src/lib/core/bytes.js';

const tables = { readings: { key: ['reading_id'] } };
const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 30_000 };

export const writeBehind: Benchmark = {
  name: 'write-behind',
  summary:
    'a write-behind call ÷ a plain XADD of the same fields; cache worker ÷ psql \\copy of the same rows',
  rounds: 5,
  measure: async (bench) => [...(await calls(bench)), await worker(bench)],
};

const rowOf = (i: number) => ({
  reading_id: i,
  meter_id: i % 5000,
  measured_at: new Date(1_700_000_000_000 + i * 1000).toISOString(),
  kwh: (i % 997) / 8,
});
const keyOf = (i: number) => `meter:${i % 5000}:latest`;

/** One after the other, and 32 under way at once. Both sides use the same client, and keys of all partitions. */
async function calls(bench: Bench): Promise<Finding[]> {
  const redis = await privateRedis(bench);
  const client = await openRedis({ nodes: [redis.url] }, timeouts, bench.signal);
  bench.closing(async () => client.close());
  const plain = await client.dedicated(client.masters[0]!.address);
  bench.closing(async () => plain.close());
  const ioredis = new Redis(redis.url);
  bench.closing(async () => ioredis.disconnect());
  const open = async () => {
    const queue = await WriteBehind.open(client, {
      tables,
      durability: 'memory',
      signal: bench.signal,
    });
    bench.closing(async () => queue.close());
    return (i: number) =>
      queue.writeBehind(toBytes(keyOf(i)), undefined, { table: 'readings', row: rowOf(i) }, 'insert');
  };
  const alone = await open();
  const findings: Finding[] = [];
  for (const concurrency of [1, 32]) {
    const count = Math.ceil(20_000 * bench.scale * (concurrency === 1 ? 1 : 4));
    const sides = {
      'writeBehind()': alone,
      'ioredis XADD': (i: number) => {
        const [, stream, ...rest] = xaddOf(i);
        return ioredis.xadd(stream!, ...(rest as [string]));
      },
      'XADD, same client': (i: number) => plain.call(xaddOf(i).map(toBytes)),
    };
    const seconds: Record<keyof typeof sides, number[]> = {
      'writeBehind()': [],
      'ioredis XADD': [],
      'XADD, same client': [],
    };
    for (let round = 0; round <= bench.rounds; round++) {
      for (const [side, call] of Object.entries(sides) as [
        keyof typeof sides,
        (i: number) => Promise<unknown>,
      ][]) {
        await redis.cli('FLUSHALL');
        const started = performance.now();
        let next = 0;
        await Promise.all(
          Array.from({ length: concurrency }, async () => {
            while (next < count) await call(next++);
          }),
        );
        const microseconds = ((performance.now() - started) * 1000) / count;
        // The first round warms both up.
        if (round > 0) seconds[side].push(microseconds / 1000);
        bench.say(`  ${concurrency} at once  ${side}  ${microseconds.toFixed(1)} µs a call`);
      }
    }
    findings.push({
      what: `write-behind call until it is queued, durability memory, ${concurrency === 1 ? 'one caller that awaits each' : `${concurrency} callers at once`}`,
      series: Object.entries(seconds).map(([name, values]): Series => ({ name, unit: 'ms', values })),
      judged: 'ratio',
      bar: 1.2,
    });
  }
  return findings;
}

function xaddOf(i: number): string[] {
  return [
    ...['XADD', `{q:${i % 16}}:stream`, '*', 'do', `${newOperationId()} insert readings`, 'key', keyOf(i)],
    ...['row', JSON.stringify(rowOf(i))],
  ];
}

async function worker(bench: Bench): Promise<Finding> {
  const count = 400_000 * bench.scale;
  const redis = await privateRedis(bench);
  const postgres = await startPostgres({ settings: { fsync: 'on' } });
  bench.closing(() => postgres.stop());
  const config = join(bench.directory, 'metrify.config.yaml');
  await writeFile(
    config,
    `environments: { default: { redis: { url: "${redis.url}" }, postgres: { url: "${postgres.url}" },
      cache: { writeBehind: { durability: memory, tables: { readings: { key: [reading_id] } } } } } }\n`,
  );
  const csv = join(bench.directory, 'rows.csv');
  const lines: string[] = [];
  for (let i = 0; i < count; i++) lines.push(Object.values(rowOf(i)).join(','));
  await writeFile(csv, `${lines.join('\n')}\n`);
  const sql = (text: string) => postgres.sql('postgres', text);
  const sum = `SELECT count(*)::int AS n, sum(reading_id)::text AS ids, sum(kwh)::text AS kwh FROM readings`;
  const series: Record<string, number[]> = { 'metrify cache worker': [], '\\copy': [] };
  for (let round = 1; round <= bench.rounds; round++) {
    for (const side of Object.keys(series)) {
      await sql(`DROP TABLE IF EXISTS readings, metrify_queue_applied, metrify_queue_fence;
        CREATE TABLE readings (reading_id bigint PRIMARY KEY, meter_id int NOT NULL, measured_at timestamptz NOT NULL,
          kwh numeric(12,3) NOT NULL); CHECKPOINT`);
      let seconds: number;
      if (side === '\\copy') {
        ({ seconds } = await run('psql', [postgres.url, '-c', `\\copy readings FROM '${csv}' (FORMAT csv)`], {
          bench,
        }));
      } else {
        await redis.cli('FLUSHALL');
        await fill(redis.url, count, bench);
        ({ seconds } = await metrify(
          bench,
          ['-c', config, 'cache', 'worker', '--until-empty', '--json'],
          {},
        ));
      }
      const [found] = await sql(sum);
      must(found!.n === count, `${side} left ${String(found!.n)} rows`);
      series[side]!.push(seconds);
      bench.say(
        `  round ${round} of ${bench.rounds}  ${side}  ${seconds.toFixed(2)} s, ${Math.round(count / seconds)} rows/s`,
      );
    }
  }
  return {
    what: `cache worker, ${count.toLocaleString('en')} inserts with a primary key, from start to empty (rows/s ÷ \\copy's ≥ 0.15: time ≤ 6.67 ×)`,
    series: Object.entries(series).map(([name, values]): Series => ({ name, unit: 's', values })),
    judged: 'ratio',
    bar: 1 / 0.15,
  };
}

async function fill(url: string, count: number, bench: Bench): Promise<void> {
  const client = await openRedis({ nodes: [url] }, timeouts, bench.signal);
  const queue = await WriteBehind.open(client, { tables, durability: 'memory', signal: bench.signal });
  try {
    for (let at = 0; at < count; at += 2000)
      await Promise.all(
        Array.from({ length: Math.min(2000, count - at) }, (_, i) =>
          queue.writeBehind(
            toBytes(`reading:${at + i}`),
            undefined,
            { table: 'readings', row: rowOf(at + i) },
            'insert',
          ),
        ),
      );
  } finally {
    queue.close();
    client.close();
  }
}

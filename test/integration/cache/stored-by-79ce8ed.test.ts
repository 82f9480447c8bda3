/*
 * What commit 79ce8ed stored, in test/fixtures/79ce8ed: made by running it. The keys of Redis are the commands that make
 * them again, without times to live.
 */
import { mkdtemp, readFile, realpath, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

import { openCache } from '../../../src/library/cache.js';
import { heldKeys, queueStatus, releaseKey } from '../../../src/lib/cache/write-behind/queue.js';
import { openRedis, type RedisClient } from '../../../src/lib/clients/redis/client.js';
import { type ByteString, toBytes } from '../../../src/lib/core/bytes.js';
import { acquireFileLock } from '../../../src/lib/core/file-lock.js';
import { decodeState } from '../../../src/lib/rollout/state.js';
import { metrify } from '../../e2e/run.js';
import { needs } from '../../servers/needs.js';
import { ownDatabase, ownRedis } from '../../servers/shared.js';
import { queueBench, timeouts } from '../write-behind/setup.js';

const text = (name: string) => readFile(new URL(`../../fixtures/79ce8ed/${name}`, import.meta.url), 'utf8');
const parsed = async <T>(name: string) => JSON.parse(await text(name)) as T;

async function restore(client: RedisClient, name: string): Promise<void> {
  // As JSON the bytes are what they were: each character is one.
  for (const command of await parsed<ByteString[][]>(name)) await client.call(command);
}

async function folder(): Promise<string> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'metrify-stored-')));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

needs('redis')('keys, records and tags in Redis', () => {
  test('are read, and their versions hold', async () => {
    const { url } = await ownRedis();
    const { signal } = new AbortController();
    const client = await openRedis({ nodes: [url] }, timeouts, signal);
    await restore(client, 'redis-level.json');
    const cache = await openCache({
      ...timeouts,
      redis: { nodes: [url] },
      cache: { levels: [{ name: 'redis', type: 'redis' }] },
    });
    expect(await cache.get('versioned')).toEqual({ zähler: 17, note: '⚡' });
    expect(await cache.get('loaded')).toEqual({ kwh: 2 });
    expect(await cache.get('tagged')).toEqual({ kwh: 4 });
    expect(await cache.get('invalid')).toBeUndefined();
    await cache.setVersioned('versioned', 'older', 4n);
    expect(await cache.get('versioned')).toEqual({ zähler: 17, note: '⚡' });
    await cache.setVersioned('versioned', 'newer', 6n);
    expect(await cache.get('versioned')).toBe('newer');
    await cache.setVersioned('removed', 'older', 6n);
    expect(await cache.get('removed')).toBeUndefined();
    await cache.setVersioned('removed', 'newer', 8n);
    expect(await cache.get('removed')).toBe('newer');
    // Of a value that a reader loaded nobody knows the version: it goes.
    await cache.setVersioned('loaded', 'unsure', 1n);
    expect(await cache.get('loaded')).toBeUndefined();
    await cache.invalidateTag('räume');
    expect(await cache.get('tagged')).toBeUndefined();
    await cache.close();
    client.close();
  });
});

needs('postgres')('a level in a table', () => {
  test('is read, and its versions hold', async () => {
    const { url, sql } = await ownDatabase();
    await sql(`CREATE TABLE metrify_cache (key text COLLATE "C" PRIMARY KEY, value bytea NOT NULL,
      expires_at timestamptz, version bigint NOT NULL DEFAULT -1)`);
    type Row = { key: string; hex: string; version: string; over: boolean };
    for (const { key, hex, version, over } of await parsed<Row[]>('database-level.json'))
      await sql(`INSERT INTO metrify_cache VALUES ($1, decode($2, 'hex'), CASE WHEN $3 THEN now() END, $4)`, [
        ...[key, hex, over, version],
      ]);
    const cache = await openCache({
      ...timeouts,
      postgres: { url },
      cache: { levels: [{ name: 'database', type: 'database' }] },
    });
    expect(await cache.get('versioned')).toEqual({ zähler: 17, note: '⚡' });
    expect(await cache.get('plain')).toEqual({ kwh: 1 });
    await cache.setVersioned('versioned', 'older', 4n);
    expect(await cache.get('versioned')).toEqual({ zähler: 17, note: '⚡' });
    await cache.setVersioned('removed', 'older', 6n);
    expect(await cache.get('removed')).toBeUndefined();
    await cache.setVersioned('removed', 'newer', 8n);
    expect(await cache.get('removed')).toBe('newer');
    await cache.setVersioned('loaded', 'unsure', 1n);
    expect(await cache.get('loaded')).toBeUndefined();
    await cache.close();
  });
});

needs('redis', 'postgres')('a queue', () => {
  const tables = { meters: { key: ['id'] } };

  test('is read and drained: waiting, held back, released, repeated', async () => {
    const bench = await queueBench(tables);
    const { sql } = bench.database;
    await restore(bench.client, 'queue.json');
    type Rows = Record<'meters' | 'fence', Record<string, unknown>[]> & { applied: string[] };
    const { meters, fence, applied } = await parsed<Rows>('queue-database.json');
    await sql(`CREATE TABLE meters (id int PRIMARY KEY, name varchar(8), kwh numeric);
      CREATE TABLE metrify_queue_fence (partition int PRIMARY KEY, token bigint NOT NULL,
        last_n bigint NOT NULL DEFAULT 0, last_id text NOT NULL DEFAULT '0-0');
      CREATE TABLE metrify_queue_applied (op_id uuid PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`);
    await sql('INSERT INTO meters SELECT * FROM json_populate_recordset(NULL::meters, $1)', [
      JSON.stringify(meters),
    ]);
    await sql(
      'INSERT INTO metrify_queue_fence SELECT * FROM json_populate_recordset(NULL::metrify_queue_fence, $1)',
      [JSON.stringify(fence)],
    );
    await sql('INSERT INTO metrify_queue_applied (op_id) SELECT unnest($1::uuid[])', [applied]);

    expect(await queueStatus(bench.client)).toMatchObject({ waiting: 5, dead: 2, heldKeys: 1, lost: 0 });
    const held: string[] = [];
    for await (const { key } of heldKeys(bench.client)) held.push(key);
    expect(held).toEqual(['held']);
    const writer = await bench.writer();
    expect((await writer.pendingValue(toBytes('zähler')))?.value).toBe(
      toBytes('{"id":4,"name":"Ü€","kwh":12345678901234567890}'),
    );
    expect((await writer.pendingValue(toBytes('held')))?.value).toContain('"behind"');

    expect(await bench.drain()).toMatchObject({ applied: 4, repeated: 1, failed: 0, held: 0, losses: [] });
    expect(await sql('SELECT id, name, kwh::text FROM meters ORDER BY id')).toEqual([
      { id: 1, name: 'zwei', kwh: '2.5' },
      { id: 3, name: 'last', kwh: '0' },
      { id: 4, name: 'Ü€', kwh: '12345678901234567890' },
    ]);
    expect(await releaseKey(bench.client, 'held', true)).toMatchObject({ dropped: 1, released: 1 });
    await writer.writeBehind(toBytes('held'), undefined, { table: 'meters', row: { id: 2, name: 'after' } });
    expect(await bench.drain()).toMatchObject({ applied: 2, failed: 0, held: 0, losses: [] });
    expect(await sql('SELECT name FROM meters WHERE id = 2')).toEqual([{ name: 'after' }]);
    expect(await queueStatus(bench.client)).toMatchObject({ waiting: 0, dead: 0, heldKeys: 0, lost: 0 });
  });
});

needs('redis')('a checkpoint', () => {
  test('is continued from', async () => {
    const { url, port, database } = await ownRedis();
    const path = await folder();
    const [file, checkpoint] = [join(path, 'rows.csv'), join(path, 'run.ckpt')];
    const rows = 300_000;
    await writeFile(file, `id,kwh\n${Array.from({ length: rows }, (_, i) => `${i},${i % 7}\n`).join('')}`);
    await utimes(file, 1_700_000_000, 1_700_000_000);
    const saved = await text('checkpoint.json');
    const target = `127.0.0.1:${port}${database === 0 ? '' : `/${database}`}`;
    await writeFile(checkpoint, saved.replaceAll('{file}', file).replaceAll('{redis}', target));
    const args = ['--file', file, '--key', 'meter:{id}', '--value', 'column:kwh', '--ttl', '1h'];
    const run = await metrify(
      ['cache', 'warm', '--redis-url', url, ...args, '--resume', checkpoint, '--json'],
      {},
    );
    expect(run.stderr).not.toContain('another run');
    expect(run.json()).toMatchObject({ verdict: 'ok', result: { read: rows } });
    const client = await openRedis({ nodes: [url] }, timeouts, new AbortController().signal);
    // The rows before it are not read again.
    expect(await client.call(['DBSIZE'])).toBe(rows - 20_480);
    client.close();
  });
});

needs()('files', () => {
  test('a lock whose holder is gone is taken over', async () => {
    const path = join(await folder(), 'metrify.lock');
    await writeFile(path, await text('lock.json'));
    const lock = await acquireFileLock(path, { title: 'the lock', command: 'test' });
    const now = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    expect(now).toMatchObject({ pid: process.pid, command: 'test' });
    const before = await parsed<Record<string, unknown>>('lock.json');
    expect(Object.keys(now).sort()).toEqual(Object.keys(before).sort());
    lock.release();
  });

  test('states of rollouts are read', async () => {
    const canary = decodeState(await text('canary-state.json'), 'the fixture');
    expect(canary).toMatchObject({ kind: 'canary', phase: 'progressing', step: 1, steps: [10, 50, 100] });
    expect(canary.tally?.stable).toEqual({ requests: 10, errors: 1, buckets: { 3: 10 } });
    const change = decodeState(await text('switch-state.json'), 'the fixture');
    expect(change).toMatchObject({
      kind: 'blue-green',
      phase: 'promoted',
      weights: { stable: 0, canary: 100 },
    });
    expect(change.versions.canary.colour).toBe('green');
  });
});

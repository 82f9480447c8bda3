import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, ownRedis, type OwnRedis } from '../../servers/shared.js';
import { metrify, startMetrify } from '../run.js';
import { Probe } from './redis-probe.js';

const rows = 1500;

needs('redis')('cache warm --verify', () => {
  let folder: TemporaryDirectory;
  let file: string;
  let redis: OwnRedis;
  let probe: Probe;

  beforeAll(async () => {
    folder = await temporaryDirectory('verify');
    file = join(folder.path, 'rows.csv');
    await writeFile(file, `id,v\n${Array.from({ length: rows }, (_, i) => `${i},value-${i}`).join('\n')}\n`);
    redis = await ownRedis();
    probe = await Probe.connect(redis.port, redis.database);
  });
  afterAll(async () => {
    probe.close();
    await folder.remove();
  });

  /** Changes what was written while the rest still is. */
  async function tampered(prefix: string, verify: string, tamper: () => Promise<unknown>) {
    const running = await startMetrify([
      ...['cache', 'warm', '--file', file, '--key', `${prefix}:{id}`, '--value', 'column:v', '--ttl', '1h'],
      // Slow enough for a machine that stalls before it has changed them.
      ...['--rate', '300', '--verify', verify, '--redis-url', redis.url, '--json'],
    ]);
    await until('the first rows are there', async () => (await probe.ask('EXISTS', `${prefix}:99`)) === 1);
    await tamper();
    return running.finished;
  }

  test('a key with another value is a mismatch, one that is gone is missing: exit 3, by name', async () => {
    const finished = await tampered('t', 'all', () =>
      probe.askAll([
        ['SET', 't:3', 'tampered'],
        ['DEL', 't:4'],
        ['PEXPIRE', 't:5', '1'],
      ]),
    );
    expect(finished.code, finished.stderr).toBe(3);
    const { result, verdict } = finished.json();
    expect(verdict).toBe('failed');
    expect(result).toMatchObject({ written: rows, failed: 0 });
    expect(result.verified).toMatchObject({ checked: rows, mismatched: 1, missing: 2 });
    const problems = result.verified.examples as { key: string; level: string; problem: string }[];
    expect(problems.map(({ key, problem }) => `${problem} ${key}`).sort()).toEqual([
      'mismatched t:3',
      'missing t:4',
      'missing t:5',
    ]);
  });

  test('a key that became a list or a hash meanwhile is a mismatch', async () => {
    const finished = await tampered('w', 'all', () =>
      probe.askAll([
        ['DEL', 'w:3', 'w:4'],
        ['RPUSH', 'w:3', 'a'],
        ['HSET', 'w:4', 'v', 'value-4'],
      ]),
    );
    expect(finished.code, finished.stderr).toBe(3);
    expect(finished.json().result.verified).toMatchObject({ checked: rows, mismatched: 2, missing: 0 });
  });

  test('a sample finds what is everywhere, about as often as it is', async () => {
    const changed = 500;
    const finished = await tampered('s', '400', async () => {
      await until('a third is there', async () => (await probe.ask('EXISTS', `s:${changed}`)) === 1, {
        everyMs: 1,
      });
      await probe.askAll(Array.from({ length: changed }, (_, i) => ['SET', `s:${i}`, 'tampered']));
    });
    expect(finished.code, finished.stderr).toBe(3);
    const { checked, mismatched } = finished.json().result.verified;
    expect(checked).toBe(400);
    expect(Math.abs(mismatched / 400 - changed / rows)).toBeLessThan(0.1);
  });

  test('rows that share their keys, ten thousands of them, are no mismatch', async () => {
    const shared = join(folder.path, 'shared.csv');
    const count = 30_000;
    const lines = Array.from({ length: 2 * count }, (_, i) => `${i % count},${i}`);
    await writeFile(shared, `id,v\n${lines.join('\n')}\n`);
    const args = ['cache', 'warm', '--file', shared, '--key', 'd:{id}', '--verify', 'all', '--json'];
    const finished = await metrify([...args, '--redis-url', redis.url]);
    expect(finished.code, JSON.stringify(finished.json().result.verified)).toBe(0);
    expect(finished.json().result).toMatchObject({ read: 2 * count, written: 2 * count });
    expect(finished.json().result.verified).toMatchObject({ mismatched: 0, missing: 0 });
  });
});

needs('redis', 'postgres')('cache warm --verify of SQL', () => {
  test('a row that changes while it is verified is read once more, and is no mismatch', async () => {
    const [redis, database] = await Promise.all([ownRedis(), ownDatabase()]);
    await database.sql('CREATE TABLE live AS SELECT id, 0 AS v FROM generate_series(1, 1500) id');
    const running = await startMetrify(
      [
        ...[
          'cache',
          'warm',
          '--sql',
          'select id, v from live',
          '--key',
          'l:{id}',
          '--to',
          'redis',
          '--rate',
          '2000',
        ],
        ...['--verify', 'all', '--redis-url', redis.url, '--json'],
      ],
      { env: { METRIFY_POSTGRES_URL: database.url } },
    );
    await Probe.with(redis.port, redis.database, async (probe) => {
      await until('rows are there', async () => (await probe.ask('EXISTS', 'l:99')) === 1);
      // A service that writes through: the row first, then its key.
      await database.sql('UPDATE live SET v = 1 WHERE id = 7');
      await probe.ask('SET', 'l:7', '{"id":7,"v":1}');
    });
    const finished = await running.finished;
    expect(finished.code, finished.stdout).toBe(0);
    expect(finished.json().result.verified).toMatchObject({ checked: 1500, mismatched: 0, missing: 0 });
  });
});

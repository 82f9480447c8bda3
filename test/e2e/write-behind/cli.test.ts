import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, ownRedis, type OwnDatabase, type OwnRedis } from '../../servers/shared.js';
import { until } from '../../servers/ports.js';
import { confirming } from '../confirm-name.js';
import { metrify, startMetrify } from '../run.js';

needs('redis', 'postgres')('cache set --write-behind, cache worker and cache queue', () => {
  let folder: TemporaryDirectory;
  let redis: OwnRedis;
  let database: OwnDatabase;
  let config: string;

  beforeAll(async () => {
    [folder, redis, database] = await Promise.all([temporaryDirectory('queue'), ownRedis(), ownDatabase()]);
    await mkdir(folder.path, { recursive: true });
    config = join(folder.path, 'metrify.config.yaml');
    await writeFile(
      config,
      `environments: { default: { redis: { url: "${redis.url}" }, postgres: { url: "${database.url}" },
        cache: { writeBehind: { durability: memory, tables: { sensor_data: { key: [sensor_id] } } } } } }\n`,
    );
    await database.sql('CREATE TABLE sensor_data (sensor_id bigint PRIMARY KEY, kwh numeric(6,2))');
  });
  afterAll(() => folder.remove());

  const confirm = (): string[] => confirming('queue', redis.url);
  const run = (...args: string[]) => metrify(['-c', config, 'cache', ...args]);
  const set = (key: string, value: string, ...more: string[]) =>
    run('set', key, value, '--write-behind', '--table', 'sensor_data', ...more);
  const rows = () => database.sql('SELECT sensor_id::int, kwh::text FROM sensor_data ORDER BY 1');

  test('bad input changes nothing', async () => {
    expect(await set('k', '[1]')).toMatchObject({ code: 2 });
    expect(await set('k', '{"kwh":1}')).toMatchObject({ code: 2 });
    expect(await run('set', 'k', '{}', '--write-behind')).toMatchObject({ code: 2 });
    expect(await run('set', 'k', '{"sensor_id":1}', '--table', 'sensor_data')).toMatchObject({ code: 2 });
    expect(await run('set', 'k', '{"a":1}', '--write-behind', '--table', 'other')).toMatchObject({ code: 2 });
    expect((await set('k', '{"sensor_id":1,"kwh":1}', '--dry-run')).code).toBe(0);
    expect((await run('queue', 'status')).stdout).toContain('There is no queue');
    expect((await run('get', 'k')).code).toBe(3);
  });

  test('from the command line to the table, and a stuck key repaired', async () => {
    const queued = await set('meter:17', '{"sensor_id":17,"kwh":0.25}', '--json');
    expect(queued.code, queued.stderr).toBe(0);
    expect(queued.json().result).toMatchObject({ table: 'sensor_data', operation: 'upsert' });
    expect((await run('get', 'meter:17')).stdout).toBe('{"sensor_id":17,"kwh":0.25}');
    await set('meter:18', '{"sensor_id":18,"kwh":123456}');
    await set('meter:18', '{"sensor_id":18,"kwh":2}');
    expect((await run('queue', 'status', '--json')).json().result).toMatchObject({
      waiting: 3,
      dead: 0,
      worked: 0,
    });

    const drained = await run('worker', '--until-empty', '--json');
    expect(drained.code, drained.stderr).toBe(6);
    expect(drained.json().result).toMatchObject({ applied: 1, failed: 1, held: 1 });
    expect(await rows()).toEqual([{ sensor_id: 17, kwh: '0.25' }]);

    const status = await run('queue', 'status');
    expect(status.code).toBe(0);
    expect(status.stdout).toMatch(/meter:18 +2 .*numeric field overflow.*22003/);
    expect(status.stdout).toContain('metrify cache queue retry meter:18');

    expect(await run('queue', 'drop', 'meter:17', ...confirm())).toMatchObject({ code: 4 });
    const unconfirmed = await run('queue', 'drop', 'meter:18');
    expect(unconfirmed).toMatchObject({ code: 4 });
    expect(unconfirmed.stderr).toContain(confirm().join(' '));
    expect(await run('queue', 'retry', '--all')).toMatchObject({ code: 0 });
    expect((await run('worker', '--until-empty')).code).toBe(6);
    const dropped = await run('queue', 'drop', 'meter:18', ...confirm(), '--json');
    expect(dropped.json().result).toMatchObject({ dropped: 1, released: 1 });
    expect((await run('get', 'meter:18')).code).toBe(3);
    expect((await run('worker', '--until-empty')).code).toBe(0);
    expect(await rows()).toEqual([
      { sensor_id: 17, kwh: '0.25' },
      { sensor_id: 18, kwh: '2.00' },
    ]);
  });

  test('a worker writes its metrics while it runs, and keeps how the last run ended', async () => {
    const file = join(folder.path, 'worker.prom');
    const metrics = ['--metrics-file', file, '--job', 'drain'];
    const sample = async (name: string, more = ''): Promise<number> => {
      const label = `{command="cache.worker",job="drain"${more}} `;
      const line = (await readFile(file, 'utf8')).split('\n').find((one) => one.startsWith(name + label));
      return Number(line?.split(' ').at(-1));
    };
    await set('meter:30', '{"sensor_id":30,"kwh":1}');
    expect(await run('worker', '--until-empty', ...metrics)).toMatchObject({ code: 0 });
    expect(await sample('metrify_run_items', ',kind="applied"')).toBe(1);
    expect(await sample('metrify_run_running')).toBe(0);
    const endedAt = await sample('metrify_run_timestamp_seconds');

    const running = await startMetrify(['-c', config, 'cache', 'worker', '--json', ...metrics]);
    await until('it runs', async () => (await sample('metrify_run_running')) === 1);
    expect(await sample('metrify_run_success')).toBe(1);
    expect(await sample('metrify_run_timestamp_seconds')).toBe(endedAt);
    await set('meter:30', '{"sensor_id":30,"kwh":2}');
    await until('the row is there', async () => (await rows()).at(-1)?.['kwh'] === '2.00');
    running.signal('SIGTERM');
    expect((await running.finished).code).toBe(0);
    expect(await sample('metrify_run_running')).toBe(0);
    expect(await sample('metrify_run_success')).toBe(1);
    expect(await sample('metrify_run_timestamp_seconds')).toBeGreaterThan(endedAt);
    // What was done before it was stopped is counted, too.
    expect(await sample('metrify_run_items', ',kind="applied"')).toBe(1);
    await database.sql('DELETE FROM sensor_data WHERE sensor_id = 30');
  });

  test('a worker that is stopped otherwise, or before its queue was empty, says so', async () => {
    const cases: [NodeJS.Signals | undefined, string[], number][] = [
      ['SIGINT', [], 130],
      [undefined, ['--timeout', '8s'], 124],
    ];
    for (const [signal, flags, code] of cases) {
      const path = join(folder.path, `stopped-${code}.prom`);
      const running = await startMetrify(['-c', config, 'cache', 'worker', '--metrics-file', path, ...flags]);
      await until('it runs', async () => existsSync(path));
      if (signal) running.signal(signal);
      const finished = await running.finished;
      expect(finished.code).toBe(code);
      expect(finished.stderr).toContain('next worker');
      expect(readFileSync(path, 'utf8')).toMatch(/^metrify_run_success\{.*\} 0$/m);
    }
  });

  test('a worker that is stopped settles what is under way and says so', async () => {
    const running = await startMetrify(['-c', config, 'cache', 'worker', '--json']);
    await set('meter:20', '{"sensor_id":20,"kwh":1}');
    await until('the row is there', async () => (await rows()).length === 3);
    running.signal('SIGTERM');
    const finished = await running.finished;
    expect(finished.code).toBe(0);
    expect(finished.json()).toMatchObject({ verdict: 'ok', result: { applied: 1 } });
    expect(finished.stderr).toBe('');
    expect((await run('queue', 'status', '--json')).json().result).toMatchObject({ waiting: 0, worked: 0 });
  });
});

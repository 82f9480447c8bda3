import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { ownDatabase, ownRedis, type OwnDatabase, type OwnRedis } from '../../servers/shared.js';
import { metrify } from '../run.js';

needs('redis', 'postgres')('cache set --write-through', () => {
  let folder: TemporaryDirectory;
  let redis: OwnRedis;
  let database: OwnDatabase;
  let config: string;

  beforeAll(async () => {
    [folder, redis, database] = await Promise.all([temporaryDirectory('through'), ownRedis(), ownDatabase()]);
    config = join(folder.path, 'metrify.config.yaml');
    await writeFile(
      config,
      `environments: { default: { redis: { url: "${redis.url}" }, postgres: { url: "${database.url}" },
        cache: { writeBehind: { tables: { tariffs: { key: [id] } } } } } }\n`,
    );
    await database.sql('CREATE TABLE tariffs (id bigint PRIMARY KEY, name text, price numeric, rules jsonb)');
  });
  afterAll(() => folder.remove());

  const set = (key: string, value: string, ...more: string[]) =>
    metrify(['-c', config, 'cache', 'set', key, value, '--write-through', '--table', 'tariffs', ...more]);
  const get = (key: string, level: string) =>
    metrify(['-c', config, 'cache', 'get', key, '--level', level, '--json']);
  const rows = () =>
    database.sql('SELECT id::text, name, price::text, rules::text FROM tariffs ORDER BY tariffs.id');

  test('writes the row, then every level, with every digit', async () => {
    const row = `{"id":9007199254740993,"name":"n'ight","price":0.12345678901234567890,"rules":{"a":[1]}}`;
    const done = await set('tariff:1', row, '--ttl', '1h', '--json');
    expect(done.code, done.stderr).toBe(0);
    expect(done.json().result).toMatchObject({
      mode: 'write-through',
      table: 'tariffs',
      operation: 'upsert',
    });
    expect(await rows()).toEqual([
      { id: '9007199254740993', name: "n'ight", price: '0.12345678901234567890', rules: '{"a": [1]}' },
    ]);
    for (const level of ['redis', 'database']) {
      const { value, ttlMs } = (await get('tariff:1', level)).json<{
        result: { value: string; ttlMs: number };
      }>().result;
      expect(value).toBe(row);
      expect(ttlMs).toBeGreaterThan(3_500_000);
    }
  });

  test('what the database refuses reaches no cache', async () => {
    const refused = await set('tariff:2', '{"id":2,"price":"much"}', '--json');
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('much');
    expect((await get('tariff:2', 'redis')).code).toBe(3);

    const twice = await set('tariff:1', '{"id":9007199254740993}', '--operation', 'insert');
    expect(twice.code, twice.stderr).toBe(4);
    expect((await set('tariff:3', '{"id":3,"name":"x"}', '--operation', 'update')).code).toBe(2);
    expect(await rows()).toHaveLength(1);
  });

  test('a delete takes the row and the key', async () => {
    expect((await set('tariff:1', '{"id":9007199254740993}', '--operation', 'delete')).code).toBe(0);
    expect(await rows()).toEqual([]);
    expect((await get('tariff:1', 'redis')).code).toBe(3);
    expect((await get('tariff:1', 'database')).code).toBe(3);
  });

  test('a dry run writes nothing', async () => {
    const planned = await set('tariff:4', '{"id":4}', '--dry-run');
    expect(planned.stdout).toMatch(/Would upsert a row of tariffs \(write-through\)/);
    expect(await rows()).toEqual([]);
  });
});

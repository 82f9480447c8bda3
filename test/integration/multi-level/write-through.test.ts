import { afterAll, beforeAll, expect, test } from 'vitest';

import { openCache } from '../../../src/lib/cache/multi-level/open.js';
import type { MultiLevelCache } from '../../../src/lib/cache/multi-level/cache.js';
import { needs } from '../../servers/needs.js';
import { ownDatabase, ownRedis, type OwnDatabase } from '../../servers/shared.js';

needs('redis', 'postgres')('write-through', () => {
  let database: OwnDatabase;
  let caches: MultiLevelCache[];
  const table = 'Sensor "data"';
  beforeAll(async () => {
    database = await ownDatabase();
    await database.sql('CREATE TABLE "Sensor ""data""" (id int PRIMARY KEY, "k""wh" numeric, note text)');
    const redis = { nodes: [(await ownRedis()).url] };
    const open = () =>
      openCache(
        {
          connectTimeoutMs: 5000,
          requestTimeoutMs: 5000,
          redis,
          postgres: { url: database.url },
          tables: { [table]: { key: ['id'] } },
          cache: {
            levels: [
              { name: 'hot', type: 'memory' },
              { name: 'warm', type: 'redis', ttl: 60_000 },
              { name: 'cold', type: 'database' },
            ],
            tiers: [{ pattern: 'sensor:*', levels: ['warm'] }],
          },
        },
        { levelTimeoutMs: 5000 },
      );
    caches = await Promise.all([open(), open()]);
  });
  afterAll(() => Promise.all(caches.map((cache) => cache.close())));

  const rowOf = async (id: number) =>
    (await database.sql('SELECT * FROM "Sensor ""data""" WHERE id = $1', [id]))[0];

  test('each operation writes the row, then the cache', async () => {
    const [a, b] = caches as [MultiLevelCache, MultiLevelCache];
    const write = (
      value: unknown,
      row: Record<string, unknown>,
      operation: 'insert' | 'update' | 'upsert' | 'delete',
    ) => a.writeThrough('sensor:1', value, { table, row }, operation);
    await expect(write(0, { id: 1, note: 'x' }, 'update')).rejects.toMatchObject({ code: 'ROW_MISSING' });
    await write({ kwh: 1 }, { id: 1, 'k"wh': 1 }, 'insert');
    expect([await b.get('sensor:1'), await rowOf(1)]).toEqual([
      { kwh: 1 },
      { id: 1, 'k"wh': '1', note: null },
    ]);
    await expect(write(0, { id: 1 }, 'insert')).rejects.toMatchObject({ code: 'ROW_EXISTS' });
    await write({ kwh: 2 }, { id: 1, 'k"wh': 2 }, 'update');
    await write({ kwh: 2, note: `'"` }, { id: 1, note: `'"` }, 'upsert');
    expect([await b.get('sensor:1'), await rowOf(1)]).toEqual([
      { kwh: 2, note: `'"` },
      { id: 1, 'k"wh': '2', note: `'"` },
    ]);
    await write(undefined, { id: 1 }, 'delete');
    expect([await b.get('sensor:1'), await rowOf(1)]).toEqual([undefined, undefined]);
    await write(undefined, { id: 1 }, 'delete');
    await write(1, { id: 1 }, 'upsert');
    await write(2, { id: 1 }, 'upsert');
    expect(await b.get('sensor:1')).toBe(2);
  });

  test('a table without key columns, or a row without its key, is refused before anything is written', async () => {
    const [a] = caches as [MultiLevelCache];
    const refused = (table: string, row: Record<string, unknown>) =>
      a.writeThrough('sensor:9', 1, { table, row });
    await expect(refused('other', { id: 1 })).rejects.toMatchObject({ code: 'TABLE_UNKNOWN' });
    await expect(refused('__proto__', { id: 1 })).rejects.toMatchObject({ code: 'TABLE_UNKNOWN' });
    await expect(refused(table, { note: 'x' })).rejects.toMatchObject({ code: 'COLUMN_MISSING' });
    await expect(refused(table, { id: 1, nope: 1 })).rejects.toMatchObject({ code: '42703' });
    expect(await a.get('sensor:9')).toBeUndefined();
  });

  test('under many writers of one row, the cache ends with the row', async () => {
    for (let round = 0; round < 10; round++) {
      const key = `sensor:${100 + round}`;
      const id = 100 + round;
      const load = async () => Number((await rowOf(id))?.['k"wh'] ?? -1);
      await Promise.all([
        ...Array.from({ length: 12 }, (_, i) =>
          caches[i % 2]!.writeThrough(key, i, { table, row: { id, 'k"wh': i } }),
        ),
        ...Array.from({ length: 6 }, (_, i) => caches[i % 2]!.getOrLoad(key, load)),
      ]);
      expect(await caches[0]!.getOrLoad(key, load)).toBe(await load());
    }
  });

  test('queries are cached over processes until their tag is invalidated', async () => {
    const [a, b] = caches as [MultiLevelCache, MultiLevelCache];
    const sql = 'SELECT count(*)::int AS n FROM "Sensor ""data""" WHERE id > $1';
    const count = (cache: MultiLevelCache) =>
      cache.wrap<{ n: number }[]>(sql, [1000], { tags: ['sensors'], ttl: '1h' });
    expect([await count(a), await count(b)]).toEqual([[{ n: 0 }], [{ n: 0 }]]);
    await database.sql('INSERT INTO "Sensor ""data""" (id) VALUES (1001)');
    expect(await count(b)).toEqual([{ n: 0 }]);
    await a.invalidateTag('sensors');
    expect(await count(a)).toEqual([{ n: 1 }]);
    await expect.poll(() => count(b)).toEqual([{ n: 1 }]);
  });

  test('setInRedis and getFromRedis work on Redis alone', async () => {
    const [a, b] = caches as [MultiLevelCache, MultiLevelCache];
    await a.setInRedis('session', { user: 'é' }, '1h');
    expect(await b.getFromRedis('session')).toEqual({ user: 'é' });
    expect(await b.getFromRedis('none')).toBeUndefined();
  });
});

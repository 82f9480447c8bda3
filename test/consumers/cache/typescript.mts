// A strict TypeScript service. Compiling it is half of the test.
import assert from 'node:assert/strict';

import {
  json,
  MemoryLevel,
  MultiLevelCache,
  openCache,
  ServiceUnavailable,
  systemClock,
  UserError,
  type CacheStats,
  type OpenOptions,
  type OpenSettings,
  type RowWriter,
} from 'metrify/cache';

interface Forecast {
  kwh: number;
  hours: number[];
}

const settings: OpenSettings = {
  redis: { nodes: [process.env['METRIFY_REDIS_URL']!] },
  cache: {
    levels: [
      { name: 'hot', type: 'memory' },
      { name: 'warm', type: 'redis', ttl: '1m' },
    ],
  },
};
const options: OpenOptions = { levelTimeoutMs: 5000, codec: json };
const cache = await openCache(settings, options);

const computed: Forecast = { kwh: 1.25, hours: [1, 2, 3] };
const loaded: Forecast = await cache.getOrLoad('consumer:mts', () => Promise.resolve(computed), {
  ttl: '1m',
});
assert.deepEqual(loaded, computed);

const perhaps = (): Promise<Forecast | undefined> => Promise.resolve(undefined);
// @ts-expect-error: this loader may give undefined, and so may the cache.
const absent: Forecast = await cache.getOrLoad('consumer:none', perhaps);
assert.equal(absent, undefined);

const hit: Forecast | undefined = await cache.get<Forecast>('consumer:mts');
assert.deepEqual(hit, computed);
const stats: CacheStats = cache.stats();
assert.equal(stats.loads, 2);
assert.deepEqual(
  stats.levels.map(({ name }) => name),
  ['hot', 'warm'],
);

// Another instance finds it in Redis.
const other = await openCache({ ...settings, cache: { levels: [{ name: 'warm', type: 'redis' }] } });
assert.deepEqual(await other.getFromRedis<Forecast>('consumer:mts'), computed);
await other.delete('consumer:mts');
await Promise.all([cache.close(), other.close()]);

// Put together by hand, with rows of the service's own.
const rows: RowWriter = {
  write: () => Promise.reject(new ServiceUnavailable('the database is away')),
  close: () => Promise.resolve(),
};
const level = new MemoryLevel({ name: 'hot', maxBytes: 1 << 20, clock: systemClock });
const own = new MultiLevelCache({ levels: [{ level }], rows });
const refused: unknown = await own
  .writeThrough('consumer:row', 1, { table: 'readings', row: { id: 1 } })
  .catch((error: unknown) => error);
assert.ok(refused instanceof UserError);
assert.equal(refused.code, 'SERVICE_UNAVAILABLE');
await own.close();

// @ts-expect-error: inside it adds to Node's types, and a service's own types stay as they are.
assert.ok(Buffer.from('a').latin1Slice);

// A CommonJS service in plain JavaScript.
const assert = require('node:assert/strict');

const { openCache } = require('metrify/cache');

async function main() {
  const redis = { nodes: [process.env.METRIFY_REDIS_URL] };
  const cache = await openCache({ redis, cache: { levels: [{ name: 'warm', type: 'redis' }] } });
  await cache.set('consumer:cjs', ['a', 1], { ttl: 60_000 });
  assert.deepEqual(await cache.getFromRedis('consumer:cjs'), ['a', 1]);
  await cache.delete('consumer:cjs');
  await cache.close();

  // Both kinds of modules have the same classes, so that instanceof holds between them.
  assert.equal((await import('metrify/cache')).openCache, openCache);
}

main();

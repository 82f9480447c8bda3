// A service in plain JavaScript.
import assert from 'node:assert/strict';

import { openCache } from 'metrify/cache';

const redis = { nodes: [process.env.METRIFY_REDIS_URL] };
const levels = [
  { name: 'hot', type: 'memory' },
  { name: 'warm', type: 'redis' },
];
const [one, two] = await Promise.all([1, 2].map(() => openCache({ redis, cache: { levels } })));

await one.set('consumer:mjs', { kwh: 1 }, { ttl: '1m', tags: ['meters'] });
assert.deepEqual(await two.get('consumer:mjs'), { kwh: 1 });
await one.invalidateTag('meters');
assert.equal(await one.get('consumer:mjs'), undefined);
await one.delete('consumer:mjs');
await Promise.all([one.close(), two.close()]);

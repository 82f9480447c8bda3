// A level whose client is an optional dependency.
import assert from 'node:assert/strict';

import { openCache } from 'metrify/cache';

const opening = openCache({
  hazelcast: { url: 'hazelcast://127.0.0.1:1' },
  connectTimeoutMs: 1000,
  requestTimeoutMs: 1000,
  cache: { levels: [{ name: 'grid', type: 'hazelcast' }] },
});
if (isInstalled('hazelcast-client')) {
  // Nobody is there, so that the level is skipped until somebody is.
  const cache = await opening;
  assert.equal(await cache.get('a'), undefined);
  await cache.close();
} else {
  await assert.rejects(opening, { code: 'PACKAGE_MISSING', hint: /npm install hazelcast-client/ });
}

function isInstalled(name) {
  try {
    return import.meta.resolve(name) !== '';
  } catch {
    return false;
  }
}

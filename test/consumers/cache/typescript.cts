// A CommonJS service in TypeScript: NestJS, and Express as it was for years.
import { openCache, UserError } from 'metrify/cache';

import cacheModule = require('metrify/cache');

async function main(): Promise<void> {
  const cache = await openCache({ cache: { levels: [{ name: 'hot', type: 'memory' }] } });
  const kwh: number = await cache.getOrLoad('consumer:cts', () => Promise.resolve(0.5));
  if (kwh !== 0.5) throw new Error(`got ${kwh}`);
  await cache.close();
  const error: unknown = await cacheModule
    .openCache({ cache: { levels: [] } })
    .catch((reason: unknown) => reason);
  if (!(error instanceof UserError)) throw new Error(`no UserError: ${String(error)}`);
}

void main();

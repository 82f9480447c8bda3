import { afterAll, beforeAll } from 'vitest';

import type { SharedSearch } from '../../../servers/search.js';
import { everyHitCases, mebibyte } from './every-hit.js';
import { placeCases } from './places.js';
import { QueryWorld } from './query-world.js';
import { textCases } from './text.js';
import { valueCases } from './values.js';

/** What `search query` promises of every engine that speaks the protocol of Elasticsearch. */
export function queryCases(server: () => Promise<SharedSearch>, { largeBytes = 12 * mebibyte } = {}): void {
  const world = new QueryWorld();
  beforeAll(async () => world.start(await server()));
  afterAll(() => world.stop());
  placeCases(world);
  textCases(world);
  valueCases(world);
  everyHitCases(world, largeBytes);
}

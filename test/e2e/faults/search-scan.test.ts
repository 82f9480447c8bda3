import { afterAll, beforeAll, expect, test } from 'vitest';

import { openEngine } from '../../../src/lib/search/open-engine.js';
import { UserError } from '../../../src/lib/core/errors.js';
import type { SearchEngine } from '../../../src/lib/search/engine.js';
import { SearchIndex } from '../../integration/search/query/index-of.js';
import { needs } from '../../servers/needs.js';
import { type SearchServer, startSearchServer } from '../../servers/search.js';

needs('search')('two nodes, no replica', () => {
  let server: SearchServer;
  let engine: SearchEngine;
  const signal = AbortSignal.timeout(120_000);

  beforeAll(async () => {
    server = await startSearchServer('elasticsearch-7', { nodes: 2 });
    const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 20_000 };
    engine = await openEngine('elasticsearch', { urls: [server.url] }, timeouts, signal);
  });
  afterAll(async () => {
    engine.close();
    await server.stop();
  });

  test('a node that is killed in the middle ends the scan, and is not taken for fewer documents', async () => {
    const count = 2000;
    const index = await SearchIndex.create(server.url, 'spread', { mappings: {}, shards: 4 });
    await index.put(Array.from({ length: count }, (_, i) => [`${i}`, `{"n":${i}}`]));
    const ids: string[] = [];
    const reading = async () => {
      for await (const hits of engine.scan(index.name, { signal, pageSize: 100, patienceMs: 1000 })) {
        ids.push(...hits.map(({ id }) => id));
        if (ids.length < 300) continue;
        await server.nodes[1]!.kill();
      }
    };
    await expect(reading()).rejects.toSatisfy((error) => error instanceof UserError && error.exitCode === 5);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeLessThan(count);
  });
});

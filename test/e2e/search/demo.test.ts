import { expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { startSearchServer } from '../../servers/search.js';
import { metrify } from '../run.js';

needs('search')('metrify demo', () => {
  test('fills an index of its own in a search cluster, asks it, compares it, and leaves nothing there', async () => {
    const server = await startSearchServer('elasticsearch-9');
    try {
      const { code, json, stderr } = await metrify(['demo', '--quick', '--json'], {
        env: { METRIFY_ELASTICSEARCH_URL: server.url },
        timeoutMs: 150_000,
      });
      expect(code, stderr).toBe(0);
      expect(json().result).toMatchObject({ groups: { search: { documents: 20 } } });
      const left = await fetch(`${server.url}/_cat/indices?h=index&expand_wildcards=all`);
      expect(await left.text()).toBe('');
    } finally {
      await server.stop();
    }
  }, 180_000);
});

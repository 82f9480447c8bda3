import { existsSync } from 'node:fs';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { needs } from '../../servers/needs.js';
import { isRunning } from '../../servers/process.js';
import {
  searchServer,
  startSearchServer,
  type SearchEngine,
  type SharedSearch,
} from '../../servers/search.js';

async function ask(url: string, method = 'GET', body?: unknown): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await response.json()) as Record<string, unknown>;
}

const LIKE_ELASTICSEARCH = ['elasticsearch-9', 'elasticsearch-8', 'elasticsearch-7', 'opensearch-3'] as const;

for (const engine of [...LIKE_ELASTICSEARCH, 'solr-9'] as SearchEngine[]) {
  needs('search')(engine, () => {
    let server: SharedSearch;
    beforeAll(async () => {
      server = await searchServer(engine);
    });
    afterAll(() => server.release());

    test('says which version it is, and keeps a document', async () => {
      const name = `${server.prefix}kept`;
      const document = { id: '1', place_s: 'Bad Tölz' };
      if (engine === 'solr-9') {
        expect(await ask(`${server.url}/admin/info/system`)).toMatchObject({
          lucene: { 'solr-spec-version': server.version },
        });
        const core = new URLSearchParams({ action: 'CREATE', name, configSet: server.configSet });
        await ask(`${server.url}/admin/cores?${core}`);
        await ask(`${server.url}/${name}/update?commit=true`, 'POST', [document]);
        expect(await ask(`${server.url}/${name}/get?id=1`)).toMatchObject({ doc: document });
        return;
      }
      expect(await ask(server.url)).toMatchObject({ version: { number: server.version } });
      await ask(`${server.url}/${name}/_doc/1?refresh=true`, 'PUT', document);
      expect(await ask(`${server.url}/${name}/_doc/1`)).toMatchObject({ found: true, _source: document });
    });
  });
}

needs('search')('a search server of its own', () => {
  test('keeps its data over SIGKILL, on its port, and leaves nothing', async () => {
    const server = await startSearchServer('elasticsearch-7');
    await ask(`${server.url}/kept/_doc/1`, 'PUT', { a: 1 });
    const { pid, home } = server;
    await server.kill();
    expect(isRunning(pid)).toBe(false);
    await expect(fetch(server.url)).rejects.toThrow();
    await server.restart();
    expect(await ask(`${server.url}/kept/_doc/1`)).toMatchObject({ found: true });
    await server.stop();
    expect(isRunning(server.pid)).toBe(false);
    expect(existsSync(home)).toBe(false);
  });

  test('of two nodes goes on with one, and says which shards are lost', async () => {
    const server = await startSearchServer('opensearch-3', { nodes: 2 });
    const settings = { number_of_shards: 2, number_of_replicas: 0 };
    await ask(`${server.url}/halved`, 'PUT', { settings });
    await expect(searchServer('solr-9')).rejects.toThrow('ask at once');
    await server.nodes[1]!.kill();
    await expect
      .poll(() => ask(`${server.url}/_cluster/health/halved`))
      .toMatchObject({ status: 'red', active_primary_shards: 1 });
    await server.stop();
  });
});

import { afterAll, beforeAll, expect, test } from 'vitest';

import { refuseItems } from '../../servers/bulk-faults.js';
import { startHttpProxy, type HttpProxy } from '../../servers/http-proxy.js';
import { needs } from '../../servers/needs.js';
import { searchServer, type SharedSearch } from '../../servers/search.js';

interface BulkAnswer {
  readonly items: readonly { readonly index: { readonly status: number; readonly _id: string } }[];
}

needs('search')('faults in front of a search server', () => {
  let server: SharedSearch;
  let proxy: HttpProxy;
  beforeAll(async () => {
    server = await searchServer('elasticsearch-7');
    proxy = await startHttpProxy(Number(new URL(server.url).port));
  });
  afterAll(async () => {
    await proxy.stop();
    await server.release();
  });

  const bulk = (index: string, ids: readonly number[]): Promise<Response> =>
    fetch(`${proxy.url}/${server.prefix}${index}/_bulk?refresh=true`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: ids.map((id) => `{"index":{"_id":"${id}"}}\n{"n":${id}}\n`).join(''),
    });
  const count = async (index: string): Promise<unknown> => {
    const response = await fetch(`${server.url}/${server.prefix}${index}/_count`);
    return ((await response.json()) as { count?: number }).count;
  };

  test('items that are refused do not reach the server, and are answered in their place', async () => {
    const refusing = refuseItems(({ id }, times) => id === '2' && times < 2);
    proxy.fate = () => refusing;
    const statuses = async (ids: readonly number[]): Promise<unknown> =>
      ((await (await bulk('refused', ids)).json()) as BulkAnswer).items.map(({ index }) => [
        index._id,
        index.status,
      ]);
    expect(await statuses([1, 2, 3])).toEqual([
      ['1', 201],
      ['2', 429],
      ['3', 201],
    ]);
    expect(await statuses([2])).toEqual([['2', 429]]);
    expect(await count('refused')).toBe(2);
    expect(await statuses([2])).toEqual([['2', 201]]);
    expect(await count('refused')).toBe(3);
  });

  test('a request whose answer is lost has been applied; one that is answered by the proxy has not', async () => {
    proxy.fate = () => 'lose';
    await expect(bulk('lost', [1])).rejects.toThrow();
    expect(await count('lost')).toBe(1);
    proxy.fate = () => () => ({ status: 503, headers: { 'retry-after': '1' }, body: '{"status":503}' });
    const refused = await bulk('lost', [2]);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    expect(await count('lost')).toBe(1);
  });

  test('an answer can be rewritten', async () => {
    proxy.fate = () => async (body, forward) => {
      const answer = await forward(body);
      return { ...answer, body: answer.body.toString().replace('"failed":0', '"failed":1') };
    };
    expect(await (await bulk('rewritten', [1])).text()).toContain('"failed":1');
  });
});

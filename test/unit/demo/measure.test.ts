import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { describe, expect, it } from 'vitest';

import { measure } from '../../../src/lib/demo/measure.js';

describe('measure', () => {
  it('asks for every URL once with so many clients, without having answers stored', async () => {
    const seen: string[] = [];
    const open: (() => void)[] = [];
    let most = 0;
    const server = createServer((request, response) => {
      seen.push(`${request.url} ${request.headers['cache-control']}`);
      open.push(() => {
        response.writeHead(200, { 'x-cache': request.url === '/1' ? 'hit' : 'miss' }).end('{}');
      });
      most = Math.max(most, open.length);
      // Three wait for each other; a fourth would come while they wait.
      if (open.length === 3) setTimeout(() => open.splice(0).forEach((answer) => answer()), 20);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { signal } = new AbortController();
    const urls = Array.from({ length: 9 }, (_, i) => `${base}/${i}`);
    const latency = await measure(urls, { clients: 3, signal });
    expect(seen.sort()).toEqual(urls.map((_, i) => `/${i} no-store`));
    expect(most).toBe(3);
    expect(latency).toMatchObject({ requests: 9, hits: 1 });
    expect(latency.p50).toBeGreaterThan(18);
    expect(latency.p99).toBeGreaterThanOrEqual(latency.p95);
    await new Promise((resolve) => server.close(resolve));
  });

  it('fails at an answer other than 200, and stops at an abort', async () => {
    const server = createServer((_, response) => response.writeHead(503).end('away'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
    const controller = new AbortController();
    await expect(measure([url], { clients: 1, signal: controller.signal })).rejects.toThrow(
      'answered 503: away',
    );
    controller.abort();
    await expect(measure([url], { clients: 1, signal: controller.signal })).rejects.toThrow();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});

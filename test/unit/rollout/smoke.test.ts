import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { provesVersion, smokeTest } from '../../../src/lib/rollout/smoke.js';
import type { SmokeTest } from '../../../src/lib/rollout/spec.js';

const { signal } = new AbortController();
let server: Server;
let url: string;
let connections = 0;
let asked: { path: string; headers: IncomingHttpHeaders }[] = [];

beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push({ path, headers: request.headers });
    if (path === '/moved') response.writeHead(302, { location: '/' }).end();
    else if (path === '/sick') response.writeHead(503).end('out of order');
    else if (path === '/slow') return;
    else if (path === '/slow-body') response.write('v2 begins');
    else if (path === '/big') response.end(`v2${'.'.repeat(8 << 20)}v3`);
    else if (path === '/endless') {
      const more = () => {
        if (!response.destroyed) response.write('x'.repeat(1 << 16), () => setImmediate(more));
      };
      more();
    } else response.end('this is v2 – grün');
  }).on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const ask = (path: string, change: Partial<SmokeTest> = {}, stop = signal) => {
  asked = [];
  const test = { url: `${url}${path}`, status: 200, bodyContains: undefined, headers: {}, timeoutMs: 10_000 };
  return smokeTest({ ...test, ...change }, 'v2', 'smoke 1', stop);
};

describe('a smoke test', () => {
  it.each([
    ['/', {}, 'passed', 'HTTP 200'],
    ['/', { bodyContains: 'v2 – grün' }, 'passed', "HTTP 200, body with 'v2 – grün'"],
    ['/', { bodyContains: 'v3' }, 'failed', "HTTP 200, body without 'v3': this is v2 – grün"],
    ['/', { bodyContains: '{{version}} – grün' }, 'passed', "HTTP 200, body with 'v2 – grün'"],
    ['/sick', {}, 'failed', 'HTTP 503'],
    ['/sick', { status: 503 }, 'passed', 'HTTP 503'],
    // A redirect is an answer, and not followed.
    ['/moved', {}, 'failed', 'HTTP 302'],
    ['/moved', { status: 302 }, 'passed', 'HTTP 302'],
    ['/big', { bodyContains: 'v2' }, 'passed', "HTTP 200, body with 'v2'"],
    ['/endless', {}, 'passed', 'HTTP 200'],
  ] satisfies [string, Partial<SmokeTest>, string, string][])(
    'of %s with %o: %s',
    async (path, change, verdict, observed) => {
      expect(await ask(path, change)).toMatchObject({ verdict, observed });
      expect(asked.map((each) => each.path)).toEqual([path]);
    },
  );

  it('says whether no answer came in time, or only a part of it', async () => {
    // Includes the connection, for which a stalled machine needs its time.
    const timeoutMs = 4000;
    expect(
      await Promise.all([ask('/slow', { timeoutMs }), ask('/slow-body', { timeoutMs, bodyContains: 'v2' })]),
    ).toMatchObject([
      { verdict: 'failed', observed: 'no answer within 4s' },
      { verdict: 'failed', observed: 'no whole answer within 4s' },
    ]);
  });

  it('looks at the first megabyte only', async () => {
    expect(await ask('/big', { bodyContains: 'v3' })).toMatchObject({
      verdict: 'failed',
      observed: expect.stringMatching(/^HTTP 200, body without 'v3': v2\.{50,60}…$/),
    });
  });

  it('of an address where nobody is', async () => {
    const nobody = createTcpServer();
    await new Promise<void>((resolve) => nobody.listen(0, '127.0.0.1', resolve));
    const { port } = nobody.address() as AddressInfo;
    await new Promise((resolve) => nobody.close(resolve));
    expect(await ask('', { url: `http://127.0.0.1:${port}/` })).toMatchObject({
      verdict: 'failed',
      observed: 'connection refused',
    });
  });

  it('makes a connection of its own each time, so that it sees the version that users get now', async () => {
    connections = 0;
    for (let i = 0; i < 4; i++) expect((await ask('/')).verdict).toBe('passed');
    expect(connections).toBe(4);
  });

  it('sends the headers and credentials that it was given, and tells them to nobody', async () => {
    const { host } = new URL(url);
    const result = await ask('/', {
      url: `http://ann:p%40ss@${host}/`,
      headers: { 'X-Version': 'v2' },
    });
    expect(result).toMatchObject({ verdict: 'passed', where: `http://ann:***@${host}/` });
    expect(asked[0]!.headers).toMatchObject({
      'x-version': 'v2',
      authorization: `Basic ${Buffer.from('ann:p@ss').toString('base64')}`,
    });
    expect(JSON.stringify(result)).not.toMatch(/p%40ss|p@ss/);
  });

  it('puts the version in wherever {{version}} stands for it', async () => {
    const change = { bodyContains: 'is {{version}} –', headers: { 'x-version': 'to {{version}}' } };
    expect((await ask('/?only={{version}}', change)).verdict).toBe('passed');
    expect(asked).toMatchObject([{ path: '/?only=v2', headers: { 'x-version': 'to v2' } }]);
  });

  it('fails, and breaks nothing, with a header that cannot be sent', async () => {
    expect((await ask('/', { headers: { 'no header': 'x' } })).verdict).toBe('failed');
  });

  it('is stopped with the command that asked', async () => {
    const stopping = new AbortController();
    const reason = new Error('stopped');
    const asking = ask('/slow', {}, stopping.signal);
    setTimeout(() => stopping.abort(reason), 100);
    await expect(asking).rejects.toBe(reason);
  });

  it('proves a version only by a body', async () => {
    const test = { url, status: 200, headers: {}, timeoutMs: 1 };
    expect(provesVersion({ ...test, bodyContains: 'v2' })).toBe(true);
    expect(provesVersion({ ...test, bodyContains: undefined })).toBe(false);
  });
});

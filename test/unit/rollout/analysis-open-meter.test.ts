import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { systemClock } from '../../../src/lib/core/clock.js';
import { openMeter } from '../../../src/lib/rollout/analysis/open-meter.js';
import { analysis } from './example-analysis.js';

const spec = { ...analysis, prometheus: undefined };
const version = (name: string) => ({ name, deployment: undefined, colour: undefined });
const versions = { stable: version('v1'), canary: version('v2') };
const surroundings = {
  prometheus: undefined,
  timeouts: { connectTimeoutMs: 20_000, requestTimeoutMs: 20_000 },
  clock: systemClock,
  userAgent: 'metrify/test',
};
const basic = (user: string) => `Basic ${Buffer.from(user).toString('base64')}`;

let server: Server;
let host: string;
let seen: Set<string | undefined>;

beforeAll(async () => {
  server = createServer((request, response) => {
    seen.add(request.headers.authorization);
    response.writeHead(503).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => (seen = new Set()));
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test.each([
  ['the configured one', undefined, { url: 'http://me:pw@HOST' }, basic('me:pw')],
  ['a token', undefined, { url: 'http://HOST', token: 't' }, 'Bearer t'],
  [
    'the same one, named in the file',
    'http://HOST/',
    { url: 'http://me:pw@HOST', token: undefined },
    basic('me:pw'),
  ],
  ['the same one, with a token', 'http://HOST', { url: 'http://HOST', token: 't' }, 'Bearer t'],
  ['another one', 'http://HOST', { url: 'http://me:pw@127.0.0.1:9', token: 't' }, undefined],
  ['one without a configuration', 'http://HOST', undefined, undefined],
])('Prometheus gets its own secrets: %s', async (_, url, configured, authorization) => {
  const prometheus = configured && { ...configured, url: configured.url.replace('HOST', host) };
  const meter = openMeter({ ...spec, prometheus: url?.replace('HOST', host) }, versions, { ...surroundings, prometheus }); // prettier-ignore
  expect(meter).toMatchObject({ name: `Prometheus at ${host}`, remembers: true });
  await expect(meter.look(0, undefined, new AbortController().signal)).rejects.toThrow(
    `${host} answered HTTP 503`,
  );
  expect([...seen]).toEqual([authorization]);
});

test('without expressions metrify probes', () => {
  const probe = { url: `http://${host}`, rate: 1, durationMs: 1000, timeoutMs: 1000 };
  expect(openMeter({ ...spec, requests: undefined, probe }, versions, surroundings).remembers).toBe(false);
});

test('says what is missing', () => {
  expect(() => openMeter(spec, versions, surroundings)).toThrow('no Prometheus is known');
  expect(() => openMeter({ ...spec, requests: undefined }, versions, surroundings)).toThrow(
    'neither expressions',
  );
});

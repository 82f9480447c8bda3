import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request as forward } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { toBytes } from '../../../src/lib/core/bytes.js';
import { openEngine } from '../../../src/lib/search/open-engine.js';
import { metrifyInProcess } from '../../e2e/in-process.js';
import { makeSigned } from '../../servers/certificates.js';
import { needs } from '../../servers/needs.js';
import { freePort } from '../../servers/ports.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { searchServer, type SharedSearch } from '../../servers/search.js';

const apiKey = 'VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw==';

/** The test servers have no sign-in and no TLS: this stands before one, and has both. */
needs('search')('a server behind TLS that wants to know who asks', () => {
  let folder: TemporaryDirectory;
  let server: SharedSearch;
  let guard: Server;
  /** Of requests that it let pass. */
  let passed: string[] = [];
  const at = (name: string) => join(folder.path, name);

  beforeAll(async () => {
    folder = await temporaryDirectory('search-signin');
    makeSigned(folder.path, 'ca', 'server', 'client');
    execFileSync('openssl', [
      ...[
        'pkcs8',
        '-topk8',
        '-in',
        at('client.key'),
        '-out',
        at('locked.key'),
        '-passout',
        'pass:open sesame',
      ],
    ]);
    server = await searchServer('elasticsearch-9');
    guard = await startGuard(server.url);
  });
  afterAll(async () => {
    guard.close();
    await server.release();
    await folder.remove();
  });
  beforeEach(() => (passed = []));

  async function startGuard(behind: string): Promise<Server> {
    const agent = new Agent({ keepAlive: true });
    const [key, cert, ca] = ['server.key', 'server.pem', 'ca.pem'].map((name) => readFileSync(at(name)));
    const guarding = createServer(
      { key, cert: Buffer.concat([cert!, ca!]), ca, requestCert: true, rejectUnauthorized: true },
      (request, response) => {
        const { method, url, headers } = request;
        if (headers.authorization !== `ApiKey ${apiKey}`) {
          const reason = `unable to authenticate with ${headers.authorization}`;
          response.writeHead(401).end(JSON.stringify({ error: { type: 'security_exception', reason } }));
          return;
        }
        passed.push(
          `${method} ${headers['content-encoding'] ?? 'plain'} ${headers['accept-encoding'] ?? 'plain'}`,
        );
        request.pipe(
          forward(behind + url, { method, headers, agent }, (answer) =>
            answer.pipe(response.writeHead(answer.statusCode!, answer.headers)),
          ),
        );
      },
    );
    await new Promise<void>((resolve) => guarding.listen(0, '127.0.0.1', resolve));
    return guarding;
  }

  const settings = () => ({
    urls: [`https://127.0.0.1:${(guard.address() as AddressInfo).port}`],
    apiKey,
    tlsFingerprint: new X509Certificate(readFileSync(at('ca.pem'))).fingerprint256,
    tlsCert: at('client.pem'),
    tlsKey: at('locked.key'),
    tlsKeyPassphrase: 'open sesame',
  });
  const timeouts = { connectTimeoutMs: 20_000, requestTimeoutMs: 60_000 };
  const { signal } = new AbortController();

  test.each([
    ['as it is', false],
    ['as gzip', true],
  ])('takes documents, and gives them back: %s', async (_, gzip) => {
    // One node of two is away.
    const urls = [`https://127.0.0.1:${await freePort()}`, ...settings().urls];
    const engine = await openEngine('elasticsearch', { ...settings(), urls, gzip }, timeouts, signal);
    const index = `${server.prefix}signin-${gzip}`;
    const source = (id: number) => toBytes(`{"id": 900719925474099${id}, "text": "${'ü'.repeat(500)}"}`);
    const ids = [0, 1, 2, 3];
    const outcomes = await engine.bulk(
      { index },
      ids.map((id) => ({ kind: 'index', id: toBytes(String(id)), source: source(id) })),
      signal,
    );
    expect(outcomes).toEqual(ids.map(() => ({ kind: 'done' })));
    await engine.refresh(index, signal);
    const found = new Map<string, string>();
    for await (const page of engine.scan(index, { signal }))
      for (const hit of page) found.set(hit.id, hit.source);
    engine.close();
    expect([...found].sort()).toEqual(ids.map((id) => [String(id), source(id)]));
    expect(passed).toContain(gzip ? 'POST gzip gzip' : 'POST plain plain');
  });

  const environment = (more: Record<string, string> = {}) => {
    const { urls, tlsFingerprint, tlsCert, tlsKey, tlsKeyPassphrase } = settings();
    return {
      METRIFY_ELASTICSEARCH_URL: urls[0]!,
      METRIFY_ELASTICSEARCH_API_KEY: apiKey,
      // As Elasticsearch prints it at its first start.
      METRIFY_ELASTICSEARCH_TLS_FINGERPRINT: tlsFingerprint.replaceAll(':', '').toLowerCase(),
      METRIFY_ELASTICSEARCH_TLS_CERT: tlsCert,
      METRIFY_ELASTICSEARCH_TLS_KEY: tlsKey,
      METRIFY_ELASTICSEARCH_TLS_KEY_PASSPHRASE: tlsKeyPassphrase,
      ...more,
    };
  };

  test('is examined by doctor', async () => {
    const { code, stderr, json } = await metrifyInProcess(['doctor', '--json'], { env: environment() });
    expect(code, stderr).toBe(0);
    expect(JSON.stringify(json().result)).toContain(`"${server.version}"`);
  });

  test.each([
    [
      'another key',
      { METRIFY_ELASTICSEARCH_API_KEY: 'c2VjcmV0OnNlY3JldHNlY3JldA==' },
      'Check elasticsearch.apiKey',
    ],
    [
      'another fingerprint',
      { METRIFY_ELASTICSEARCH_TLS_FINGERPRINT: 'ab'.repeat(32) },
      'elasticsearch.tlsFingerprint',
    ],
    [
      'another pass phrase',
      { METRIFY_ELASTICSEARCH_TLS_KEY_PASSPHRASE: 'open barley' },
      'Check elasticsearch.tlsKeyPassphrase',
    ],
  ])('refuses %s, and no secret is shown', async (_, wrong, hint) => {
    for (const more of [['--verbose'], ['--json']]) {
      const { stdout, stderr } = await metrifyInProcess(['doctor', ...more], { env: environment(wrong) });
      const output = stdout + stderr;
      expect(output).toContain(hint);
      for (const secret of [apiKey, 'c2VjcmV0', 'open sesame', 'open barley'])
        expect(output).not.toContain(secret);
    }
    expect(passed).toEqual([]);
  });
});

import { readFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { ServiceUnavailable } from '../../../src/lib/core/errors.js';
import type { HttpOptions } from '../../../src/lib/http/client.js';
import { makeSigned } from '../../servers/certificates.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { failure, listening, open, serving, signal } from './peer.js';

describe('TLS', () => {
  let folder: TemporaryDirectory;
  const file = (name: string) => readFileSync(join(folder.path, name));
  beforeAll(async () => {
    folder = await temporaryDirectory('http-tls');
    makeSigned(folder.path, 'ca', 'server', 'client');
  });
  afterAll(() => folder.remove());

  const tls = async (
    more: object = {},
    listener: RequestListener = (_, response) => response.end('safe'),
  ) => {
    const server = createTlsServer({ key: file('server.key'), cert: file('server.pem'), ...more }, listener);
    return `https://127.0.0.1:${await listening(server)}`;
  };
  const ask = (url: string, options: Partial<HttpOptions>, headers = {}) =>
    open(url, options).request({ path: '/', headers }, signal);

  test('trusts the authority given, and no other', async () => {
    const url = await tls();
    expect((await ask(url, { tls: { ca: file('ca.pem') } })).body.toString()).toBe('safe');
    expect(await failure(ask(url, {}))).toMatchObject({
      ...{
        kind: 'tls',
        phase: 'connect',
        reason: 'its certificate is signed by an authority that we do not trust',
      },
    });
  });

  test('is not verified only where that is switched off by name', async () => {
    const url = await tls();
    expect((await ask(url, { tls: { verify: false } })).body.toString()).toBe('safe');
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      expect((await failure(ask(url, {}))).kind).toBe('tls');
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
  });

  test('wants the name of the host, of Host, or the one that is given', async () => {
    const names: (string | false | null)[] = [];
    const url = await tls({}, (request, response) => {
      names.push((request.socket as TLSSocket & { servername: string | false }).servername);
      response.end('safe');
    });
    const ca = file('ca.pem');
    await ask(url, { tls: { ca } }, { host: 'server.example' });
    await ask(url, { tls: { ca, servername: 'server.example' } }, { host: 'other.example' });
    expect(names).toEqual(['server.example', 'server.example']);
    expect(await failure(ask(url, { tls: { ca } }, { host: 'other.example' }))).toMatchObject({
      ...{ kind: 'tls', reason: 'its certificate is for another name' },
    });
  });

  test('shows a client certificate to who wants one', async () => {
    const ca = file('ca.pem');
    // With TLS 1.3 a client may be refused only when it has sent its request.
    const url = await tls({ ca, requestCert: true, rejectUnauthorized: true, maxVersion: 'TLSv1.2' });
    const mine = { ca, cert: file('client.pem'), key: file('client.key') };
    expect((await ask(url, { tls: mine })).body.toString()).toBe('safe');
    const refused = await failure(ask(url, { tls: { ca } }));
    expect(refused.reason).toMatch(/want a client certificate\?$/);
  });

  test('is not what a plain server speaks, nor the other way round', async () => {
    const plain = await serving((_, response) => response.end());
    expect(await failure(ask(plain.replace('http:', 'https:'), {}))).toMatchObject({
      ...{ kind: 'tls', reason: 'it does not speak TLS' },
    });
    const url = await tls();
    expect(await failure(ask(url.replace('https:', 'http:'), {}))).toBeInstanceOf(ServiceUnavailable);
  });
});

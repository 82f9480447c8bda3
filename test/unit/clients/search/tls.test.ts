import { execFileSync, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket, TlsOptions } from 'node:tls';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { SearchConnection } from '../../../../src/lib/clients/search/connection.js';
import type { SearchSettings } from '../../../../src/lib/clients/search/settings.js';
import { fingerprint } from '../../../../src/lib/clients/tls.js';
import type { UserError } from '../../../../src/lib/core/errors.js';
import { makeCertificates, makeSigned } from '../../../servers/certificates.js';
import { freePort } from '../../../servers/ports.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../../servers/process.js';
import { failure, listening, serving, signal, stops } from '../../http/peer.js';

let folder: TemporaryDirectory;
const at = (name: string) => join(folder.path, name);
const pem = (...names: readonly string[]) =>
  names.map((name) => readFileSync(at(`${name}.pem`), 'utf8')).join('');
const print = (name: string) => new X509Certificate(pem(name)).fingerprint256;

beforeAll(async () => {
  folder = await temporaryDirectory('search-tls');
  makeCertificates(folder.path);
  makeSigned(folder.path, 'ca', 'server', 'client', 'middle');
  makeSigned(folder.path, 'middle', 'below');
  makeSigned(folder.path, 'false-ca', 'impostor');
});
afterAll(() => folder.remove());

/** A node that shows these certificates, of which the first is its own, and answers with the client's name. */
async function node(chain: readonly string[], more: TlsOptions = {}): Promise<string> {
  const server = createServer(
    { key: readFileSync(at(`${chain[0]}.key`)), cert: pem(...chain), ...more },
    (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate();
      response.end(JSON.stringify({ client: subject?.CN ?? 'nobody' }));
    },
  );
  return `https://127.0.0.1:${await listening(server)}`;
}

async function ask(url: string, settings: Partial<SearchSettings>): Promise<{ client: string }> {
  const connection = await SearchConnection.open(
    'elasticsearch',
    { urls: [url], ...settings },
    { connectTimeoutMs: 20_000, requestTimeoutMs: 20_000 },
  );
  stops.push(() => connection.close());
  const { body } = await connection.send({ path: '/' }, signal);
  return JSON.parse(body.toString()) as { client: string };
}

const trusted = { client: 'nobody' };

describe('an authority in a file', () => {
  test('is trusted, and no other is', async () => {
    const url = await node(['server']);
    expect(await ask(url, { tlsCa: at('ca.pem') })).toEqual(trusted);
    for (const settings of [{}, { tlsCa: at('false-ca.pem') }])
      expect(await failure(ask(url, settings))).toMatchObject({
        kind: 'tls',
        hint: expect.stringContaining('elasticsearch.tlsCa') as string,
      });
  });
});

describe('a fingerprint', () => {
  test.each([
    ['of the authority, which the server shows', ['server', 'ca'], 'ca'],
    ['of the authority of several levels', ['below', 'middle', 'ca'], 'ca'],
    ['of an authority between', ['below', 'middle', 'ca'], 'middle'],
    ['of an authority between, whose own authority is not shown', ['below', 'middle'], 'middle'],
    ['of a certificate that is its own authority', ['here'], 'here'],
  ])('%s, is enough', async (_, chain, pinned) => {
    expect(await ask(await node(chain), { tlsFingerprint: print(pinned) })).toEqual(trusted);
  });

  test.each([
    ['the authority is not shown', ['server'], 'ca'],
    ['it is that of another authority', ['server', 'ca'], 'false-ca'],
    ['the authority is shown, but has not signed', ['impostor', 'ca'], 'ca'],
    ['the certificate stands in the chain for nothing', ['impostor', 'false-ca', 'server', 'ca'], 'ca'],
    ['the certificate is for another name', ['elsewhere'], 'elsewhere'],
    ['the certificate has expired', ['expired'], 'expired'],
  ])('is refused where %s', async (_, chain, pinned) => {
    expect(await failure(ask(await node(chain), { tlsFingerprint: print(pinned) }))).toMatchObject({
      kind: 'tls',
      phase: 'connect',
    });
  });

  test('that does not match is explained', async () => {
    const url = await node(['server', 'ca']);
    const refused = await failure(ask(url, { tlsFingerprint: print('here') }));
    expect(refused.message).toContain(`${print('ca')} at the top`);
    expect(refused.hint).toContain('elasticsearch.tlsFingerprint');
  });

  test('is read with colons and without, in either case', () => {
    const [, printed] = /=(.*)\n/.exec(
      execFileSync('openssl', ['x509', '-in', at('ca.pem'), '-noout', '-fingerprint', '-sha256']).toString(),
    )!;
    const plain = printed!.replaceAll(':', '');
    for (const form of [printed!, printed!.toLowerCase(), plain, plain.toLowerCase()])
      expect(fingerprint(form)).toBe(print('ca'));
    for (const wrong of ['', plain.slice(1), `${plain}0`, `${plain.slice(1)}g`, `${printed}:`, ` ${plain}`])
      expect(() => fingerprint(wrong)).toThrow('not the SHA-256 fingerprint');
  });
});

/** OpenSSL's own server, which says in alerts what it misses; Node.js closes the connection. */
async function openssl(version: 'tls1_2' | 'tls1_3'): Promise<string> {
  const port = await freePort();
  const server = spawn(
    'openssl',
    [
      ...['s_server', '-accept', `127.0.0.1:${port}`, '-www', `-${version}`],
      ...['-cert', at('server.pem'), '-key', at('server.key'), '-CAfile', at('ca.pem')],
      ...['-Verify', '2', '-verify_return_error'],
    ],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  );
  stops.push(() => server.kill());
  let said = '';
  for await (const chunk of server.stdout) if ((said += String(chunk)).includes('ACCEPT')) break;
  return `https://127.0.0.1:${port}`;
}

describe('a client certificate', () => {
  const mine = () => ({ tlsCa: at('ca.pem'), tlsCert: at('client.pem'), tlsKey: at('client.key') });
  const strict = (version: 'TLSv1.2' | 'TLSv1.3'): TlsOptions => ({
    ...{ ca: pem('ca'), requestCert: true, rejectUnauthorized: true },
    ...{ minVersion: version, maxVersion: version },
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('is shown to who wants one: %s', async (version) => {
    const url = await node(['server', 'ca'], strict(version));
    expect(await ask(url, mine())).toEqual({ client: 'client' });
    const pinned = { ...mine(), tlsCa: undefined, tlsFingerprint: print('ca') };
    expect(await ask(url, pinned)).toEqual({ client: 'client' });
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('is missed, or not accepted: %s', async (version) => {
    const url = await node(['server', 'ca'], strict(version));
    const without = await failure(ask(url, { tlsCa: at('ca.pem') }));
    expect(without.hint).toContain('elasticsearch.tlsCert');
    const wrong = { ...mine(), tlsCert: at('impostor.pem'), tlsKey: at('impostor.key') };
    const refused = await failure(ask(url, wrong));
    expect(refused.hint).toContain('trusts the authority that signed');
  });

  test.each(['tls1_2', 'tls1_3'] as const)('is missed with an alert: %s', async (version) => {
    const url = await openssl(version);
    // Its page is no JSON, but an answer.
    await expect(ask(url, mine())).rejects.toThrow(SyntaxError);
    const without = await failure(ask(url, { tlsCa: at('ca.pem') }));
    expect(without).toMatchObject({ kind: 'tls', phase: 'connect' });
    expect(without.hint).toContain('elasticsearch.tlsCert');
    const wrong = { ...mine(), tlsCert: at('impostor.pem'), tlsKey: at('impostor.key') };
    const refused = await failure(ask(url, wrong));
    expect(refused).toMatchObject({ kind: 'tls', phase: 'connect' });
    expect(refused.hint).toContain('trusts the authority that signed');
  });

  test('may have a key with a pass phrase', async () => {
    const phrase = 'correct horse';
    execFileSync('openssl', [
      ...['pkcs8', '-topk8', '-in', at('client.key'), '-out', at('locked.key'), '-passout', `pass:${phrase}`],
    ]);
    const url = await node(['server', 'ca'], strict('TLSv1.3'));
    const locked = { ...mine(), tlsKey: at('locked.key') };
    expect(await ask(url, { ...locked, tlsKeyPassphrase: phrase })).toEqual({ client: 'client' });
    await expect(ask(url, locked)).rejects.toMatchObject({
      code: 'TLS_KEY_UNREADABLE',
      hint: expect.stringContaining('elasticsearch.tlsKeyPassphrase') as string,
    });
    await expect(ask(url, { ...locked, tlsKeyPassphrase: 'wrong' })).rejects.toThrow(
      'the pass phrase is wrong',
    );
  });

  test('that cannot be used is refused before anything is sent', async () => {
    writeFileSync(at('empty.pem'), 'nothing');
    const refusal = (settings: Partial<SearchSettings>) =>
      ask('https://127.0.0.1:1', settings).then(
        () => expect.fail('it should have been refused'),
        (error: UserError) => error.code,
      );
    expect(await refusal({ ...mine(), tlsKey: at('server.key') })).toBe('TLS_KEY_MISMATCH');
    expect(await refusal({ ...mine(), tlsKey: at('empty.pem') })).toBe('TLS_KEY_UNREADABLE');
    expect(await refusal({ ...mine(), tlsKey: at('absent.key') })).toBe('TLS_KEY_UNREADABLE');
    expect(await refusal({ ...mine(), tlsCert: at('empty.pem') })).toBe('TLS_CERT_UNREADABLE');
    expect(await refusal({ ...mine(), tlsCert: at('absent.pem') })).toBe('TLS_CERT_UNREADABLE');
    expect(await refusal({ ...mine(), tlsKey: undefined })).toBe('SETTINGS_CONTRADICT');
    expect(await refusal({ tlsFingerprint: print('ca'), tlsVerify: false })).toBe('SETTINGS_CONTRADICT');
  });
});

test('TLS where there is none, and none where there is TLS, are told', async () => {
  const plain = await serving((_, response) => response.end());
  const without = await failure(ask(plain.replace('http:', 'https:'), {}));
  expect(without).toMatchObject({ kind: 'tls', reason: 'it does not speak TLS' });
  expect(without.hint).toContain('without TLS');
  const url = await node(['server']);
  const within = await failure(ask(url.replace('https:', 'http:'), {}));
  expect(within.message).toContain('it speaks TLS');
  expect(within.hint).toBe('Write https:// in elasticsearch.url.');
});

import { readFileSync } from 'node:fs';
import { createServer as createTcpServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { createServer, type TlsOptions } from 'node:tls';

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { makeCertificates } from '../../servers/certificates.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { metrify } from '../run.js';

let folder: TemporaryDirectory;
const at = (name: string) => join(folder.path, name);
beforeAll(async () => {
  folder = await temporaryDirectory('tls-hints');
  makeCertificates(folder.path);
});
afterAll(() => folder.remove());

const servers: Server[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

async function portOf(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function withTls(name: string, more: TlsOptions = {}): Promise<number> {
  const [key, cert] = [readFileSync(at(`${name}.key`)), readFileSync(at(`${name}.pem`))];
  return portOf(
    createServer({ key, cert, ...more }, (socket) =>
      socket.on('error', () => {}).on('data', () => socket.write('+PONG\r\n')),
    ).on('tlsClientError', () => {}),
  );
}

const get = (port: number, more: Record<string, string>) =>
  metrify(['cache', 'get', 'k'], { env: { METRIFY_REDIS_URL: `rediss://127.0.0.1:${port}`, ...more } });

it('an unknown authority is to be named', async () => {
  const { code, stderr } = await get(await withTls('here'), {});
  expect(code).toBe(5);
  expect(stderr).toContain('redis.tlsCa');
});

it.each([
  ['elsewhere', /name that the certificate has/],
  ['expired', /Renew/],
])('a certificate that is wrong otherwise is not a question of the authority: %s', async (name, hint) => {
  const { code, stderr } = await get(await withTls(name), { METRIFY_REDIS_TLS_CA: at(`${name}.pem`) });
  expect(code, stderr).toBe(5);
  expect(stderr).toMatch(hint);
  expect(stderr).not.toContain('redis.tlsCa');
});

it.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'that a client certificate is wanted is said: %s',
  async (version) => {
    const wants = { requestCert: true, rejectUnauthorized: true, minVersion: version, maxVersion: version };
    const { code, stderr } = await get(await withTls('here', wants), {
      METRIFY_REDIS_TLS_CA: at('here.pem'),
      METRIFY_REQUEST_TIMEOUT: '3s',
    });
    expect(code, stderr).toBe(5);
    expect(stderr).toMatch(/client certificate|does not accept/);
  },
);

it('a server without TLS is told from one that is away', async () => {
  const port = await portOf(
    createTcpServer((socket) => socket.on('error', () => {}).on('data', () => socket.write('-ERR x\r\n'))),
  );
  const { code, stderr } = await get(port, {});
  expect(code).toBe(5);
  expect(stderr).toContain('does not speak TLS');
});

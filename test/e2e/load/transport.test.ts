import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer, type ServerOptions } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { makeCertificates } from '../../servers/certificates.js';
import { freePort } from '../../servers/ports.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { metrify } from '../run.js';
import { http, listen, loadOnceQuiet } from './run-load.js';

const brief = ['--connections', '2', '--duration', '300ms'];
const run = (url: string, ...args: string[]) => loadOnceQuiet(['run', url, ...brief, ...args]);

let folder: TemporaryDirectory;
const at = (name: string) => join(folder.path, name);
beforeAll(async () => {
  folder = await temporaryDirectory('load-transport');
  makeCertificates(folder.path);
});
afterAll(() => folder.remove());

describe('load run over TLS', () => {
  const serve = async (name: string, more: ServerOptions = {}) => {
    const seen: (string | false | null | undefined)[] = [];
    const options = { key: readFileSync(at(`${name}.key`)), cert: readFileSync(at(`${name}.pem`)), ...more };
    const server = createTlsServer(options, (request, response) => {
      seen.push((request.socket as TLSSocket & { servername?: string | false }).servername);
      response.end('safe');
    });
    const url = (await listen(server)).replace('http:', 'https:');
    return { url, seen };
  };

  it.each([
    ['here', 'self-signed', 'its certificate is self-signed'],
    ['expired', 'expired', 'its certificate has expired'],
    ['elsewhere', 'for another name', 'its certificate is for another name'],
  ])('with the certificate "%s" says that it is %s', async (name, _, reason) => {
    const { url } = await serve(name);
    const trusted = name === 'here' ? [] : ['--cacert', at(`${name}.pem`)];
    const { code, result } = await run(url, ...trusted);
    expect(code).toBe(5);
    expect(result.errors.byKind['tls']).toBe(result.failed);
    expect(result.errors.reasons.tls).toBe(reason);
    const end = await metrify(['load', 'run', url, ...brief, ...trusted]);
    expect(end.stderr).toContain(reason);
    expect(end.stderr).toContain('--cacert');
    expect((await run(url, '--insecure')).code).toBe(0);
  });

  it('trusts the authority that is named', async () => {
    const { url } = await serve('here');
    expect((await run(url, '--cacert', at('here.pem'))).code).toBe(0);
  });

  it('shows its certificate to a server that asks for one', async () => {
    const { url } = await serve('here', { requestCert: true, ca: readFileSync(at('elsewhere.pem')) });
    const trust = ['--cacert', at('here.pem')];
    expect((await run(url, ...trust)).code).toBe(5);
    const own = ['--cert', at('elsewhere.pem'), '--key', at('elsewhere.key')];
    expect((await run(url, ...trust, ...own)).code).toBe(0);
  });

  it('keeps name and Host where --resolve says the address', async () => {
    const { url, seen } = await serve('elsewhere');
    const { port } = new URL(url);
    const trust = ['--cacert', at('elsewhere.pem')];
    const named = `https://elsewhere.example:${port}/`;
    const { code } = await run(named, ...trust, '--resolve', `elsewhere.example:${port}:127.0.0.1`);
    expect(code).toBe(0);
    expect(new Set(seen)).toEqual(new Set(['elsewhere.example']));
  });
});

describe('load run over a Unix socket', () => {
  it('sends the Host of the URL', async () => {
    const path = at('service.sock');
    const hosts = new Set<string | undefined>();
    const server = createServer((request, response) => {
      hosts.add(request.headers.host);
      response.end('ok');
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    onTestFinished(() => void server.close());
    const { code, result } = await run('http://web.example/status', '--unix-socket', path);
    expect(code).toBe(0);
    expect(result.answered).toBeGreaterThan(0);
    expect(hosts).toEqual(new Set(['web.example']));
  });
});

describe('load run to a name with several addresses', () => {
  /** One port on 127.0.0.1 to 127.0.0.3, with the connections that came to each. */
  async function threeServers(addresses: readonly string[]) {
    const port = await freePort();
    const connections = new Map<string, number>();
    for (const address of addresses) {
      const server = createServer((_, response) => void setTimeout(() => response.end('ok'), 200));
      server.on('connection', () => connections.set(address, (connections.get(address) ?? 0) + 1));
      await new Promise<void>((resolve) => server.listen(port, address, resolve));
      onTestFinished(() => {
        server.closeAllConnections();
        server.close();
      });
    }
    return { port, connections };
  }

  const all = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];

  it('gives each as many connections', async () => {
    const { port, connections } = await threeServers(all);
    const resolve = ['--resolve', `web.example:${port}:${all.join(',')}`];
    const sending = ['--connections', '300', '--duration', '1s', '--threads', '2'];
    const { result } = await loadOnceQuiet(['run', `http://web.example:${port}/`, ...sending, ...resolve], {
      before: () => connections.clear(),
    });
    expect(result.failed).toBe(0);
    for (const address of all) {
      expect(connections.get(address)).toBeGreaterThanOrEqual(95);
      expect(connections.get(address)).toBeLessThanOrEqual(105);
    }
    expect(new Map(result.generator.byAddress.map((each) => [each.address, each.connections]))).toEqual(
      connections,
    );
  });

  it('goes on with the others where one refuses, and says so', async () => {
    const { port } = await threeServers(all.slice(0, 2));
    const resolve = ['--resolve', `web.example:${port}:${all.join(',')}`];
    const sending = ['--connections', '30', '--duration', '1s'];
    const { code, result } = await loadOnceQuiet([
      'run',
      `http://web.example:${port}/`,
      ...sending,
      ...resolve,
    ]);
    expect(code).toBe(0);
    expect(result.failed).toBe(0);
    expect(result.generator.byAddress).toContainEqual({ address: '127.0.0.3', connections: 0, failed: 10 });
  });

  it('asks the resolver once for all connections', async () => {
    const url = (await http((_, response) => response.end('ok'))).replace('127.0.0.1', 'localhost');
    const { result } = await loadOnceQuiet(['run', url, '--connections', '20', '--duration', '500ms']);
    expect(result.failed).toBe(0);
    expect(result.generator.lookups).toBe(1);
  });
});

describe('what load run sends', () => {
  /** The requests that came, with their bodies. */
  async function recording() {
    const requests: { method: string; url: string; headers: IncomingHttpHeaders; body: string }[] = [];
    const url = await http((request: IncomingMessage, response) => {
      let body = '';
      request.setEncoding('latin1').on('data', (text: string) => (body += text));
      request.on('end', () => {
        requests.push({ method: request.method!, url: request.url!, headers: request.headers, body });
        response.end('ok');
      });
    });
    return { url, requests };
  }

  it('is what the flags say', async () => {
    const { url, requests } = await recording();
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    writeFileSync(at('body'), bytes);
    writeFileSync(at('headers'), '# a comment\nAuthorization: Bearer from-a-file\r\nX-Two: 2\n\n');
    const end = await metrify(
      [
        ...['load', 'run', `${url}readings?a=%2F&b=1,2`, '--rate', '20', '--duration', '500ms', '--json'],
        ...['--method', 'put', '--header', 'Accept: text/plain, application/json', '--header', 'X-One: 1'],
        ...[
          '--header-file',
          at('headers'),
          '--header-env',
          'X-Api-Key=KEY_OF_TEST',
          '--body-file',
          at('body'),
        ],
      ],
      { env: { KEY_OF_TEST: 'from-a-variable' } },
    );
    expect(end.code).toBe(0);
    expect(requests).toHaveLength(10);
    for (const request of requests)
      expect(request).toMatchObject({
        method: 'PUT',
        url: '/readings?a=%2F&b=1,2',
        body: bytes.toString('latin1'),
        headers: {
          host: new URL(url).host,
          accept: 'text/plain, application/json',
          'content-length': '256',
          'x-one': '1',
          'x-two': '2',
          authorization: 'Bearer from-a-file',
          'x-api-key': 'from-a-variable',
        },
      });
    expect(end.stdout + end.stderr).not.toMatch(/from-a-(file|variable)/);
  });

  it('is a body of any length, from standard input too', async () => {
    const { url, requests } = await recording();
    const body = 'x'.repeat(300_000);
    const args = ['load', 'run', url, '--rate', '4', '--duration', '500ms', '--body-file', '-', '--json'];
    expect((await metrify(args, { stdin: body })).code).toBe(0);
    expect(requests.map((request) => [request.method, request.body.length])).toEqual([
      ['POST', 300_000],
      ['POST', 300_000],
    ]);
  });

  it('has a trace id of its own, unless it is not wanted', async () => {
    const { url, requests } = await recording();
    const { result } = await loadOnceQuiet(['run', url, ...brief, '--threads', '2'], {
      before: () => requests.splice(0),
    });
    const traced = requests.splice(0);
    const ids = traced.map(
      ({ headers }) =>
        /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-01$/.exec(String(headers['traceparent']))?.[1],
    );
    expect(ids).not.toContain(undefined);
    expect(new Set(ids).size).toBe(traced.length);
    expect(traced.length).toBeGreaterThanOrEqual(result.sent);
    await run(url, '--no-trace');
    expect(requests.length).toBeGreaterThan(0);
    for (const { headers } of requests) expect(headers).not.toHaveProperty('traceparent');
  });

  it.each([
    [['--header', 'Authorization: Bearer x'], 'is a secret', '--header-file'],
    [['--header', 'cookie: a=b'], 'is a secret', '--header-file'],
    [['--header', 'X-Api-Key: x'], 'is a secret', '--header-file'],
    [['--header', 'X-A'], 'is not NAME: VALUE', 'Accept'],
    [['--header', 'X-A: \u2192'], 'cannot be sent', 'Accept'],
    [['--header', 'traceparent: 00-1-1-01'], 'traceparent', '--no-trace'],
    [['--header-env', 'X-A=NOT_THERE'], 'NOT_THERE is not set', 'export'],
    [['--header-file', '/not/there'], 'cannot read /not/there', 'path'],
    [['--method', 'G ET'], 'is not a method', 'GET'],
    [['--method', 'HEAD', '--body-file', '/dev/null'], 'has no body', '--body-file'],
    [['--insecure'], 'means nothing without TLS', 'https'],
    [['--resolve', 'a:1'], 'is not HOST:PORT:ADDRESS', '10.0.0.1'],
    [['--resolve', 'a:1:b'], 'is not an address', '10.0.0.1'],
    [['--resolve', 'a:1:10.0.0.1'], 'is not requested', '127.0.0.1:1'],
    [['--abort-on-shortfall', '10%'], 'is not a shortfall', '10% for 5s'],
    [['--threads', '3'], 'cannot share', '--connections'],
  ])('%j is refused: %s', async (args, message, hint) => {
    const end = await metrify(['load', 'run', 'http://127.0.0.1:1/', ...brief, ...args]);
    expect(end.code).toBe(2);
    expect(end.stderr).toContain(message);
    expect(end.stderr.replace(/\s+/g, ' ')).toContain(hint);
  });

  it('refuses a URL with a user, and a key that is not the one of its certificate', async () => {
    const login = await metrify(['load', 'run', 'http://me@127.0.0.1:1/', ...brief]);
    expect(login.code).toBe(2);
    expect(login.stderr).toContain('the URL is a URL with a user');
    const args = ['--cert', at('here.pem'), '--key', at('elsewhere.key')];
    const key = await metrify(['load', 'run', 'https://127.0.0.1:1/', ...brief, ...args]);
    expect(key.code).toBe(2);
    expect(key.stderr).toContain('cannot be used');
  });
});

import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { connect as connectTcp, createServer as createTcpServer } from 'node:net';
import { createServer as createTlsServer } from 'node:https';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { SearchConnection } from '../../../../src/lib/clients/search/connection.js';
import type { SearchRequest } from '../../../../src/lib/clients/search/request.js';
import type { SearchSettings } from '../../../../src/lib/clients/search/settings.js';
import { ElasticClient } from '../../../../src/lib/search/elastic/client.js';
import { makeCertificates } from '../../../servers/certificates.js';
import { freePort } from '../../../servers/ports.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../../servers/process.js';
import { failure, listening, serving, signal, stops } from '../../http/peer.js';

let folder: TemporaryDirectory;
beforeAll(async () => {
  folder = await temporaryDirectory('search-connection');
  makeCertificates(folder.path);
});
afterAll(() => folder.remove());

async function open(
  urls: readonly string[],
  settings: Partial<SearchSettings> = {},
  clock?: { monotonic(): number },
): Promise<SearchConnection> {
  const connection = await SearchConnection.open(
    'elasticsearch',
    { urls, ...settings },
    { connectTimeoutMs: 20_000, requestTimeoutMs: 20_000 },
    clock,
  );
  stops.push(() => connection.close());
  return connection;
}

interface Seen {
  readonly headers: IncomingMessage['headers'];
  readonly url: string;
  readonly body: Buffer;
}

/** A node that keeps what it gets. */
async function recording(answer: RequestListener = (_, response) => response.end('{}')) {
  const seen: Seen[] = [];
  const url = await serving((request, response) => {
    void buffer(request).then((body) => {
      seen.push({ headers: request.headers, url: request.url!, body });
      answer(request, response);
    });
  });
  return { url, seen };
}

describe('who asks', () => {
  const basic = (login: string) => `Basic ${Buffer.from(login).toString('base64')}`;
  const withLogin = (url: string) => url.replace('//', '//u:p%40@');
  test.each<[string, (url: string) => Partial<SearchSettings> & { urls: string[] }, string | undefined]>([
    ['nobody', (url) => ({ urls: [url] }), undefined],
    ['an API key', (url) => ({ urls: [url], apiKey: 'aWQ6a2V5' }), 'ApiKey aWQ6a2V5'],
    ['a bearer', (url) => ({ urls: [url], token: 't' }), 'Bearer t'],
    ['a user', (url) => ({ urls: [url], username: 'u', password: 'ü:' }), basic('u:ü:')],
    ['a user of the URL', (url) => ({ urls: [withLogin(url)] }), basic('u:p@')],
    ['a user of one of the URLs', (url) => ({ urls: [url, withLogin(url)] }), basic('u:p@')],
  ])('%s', async (_, settings, authorization) => {
    const { url, seen } = await recording();
    const { urls, ...more } = settings(url);
    await (await open(urls, more)).send({ path: '/' }, signal);
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([authorization]);
  });

  test.each<[Partial<SearchSettings>, string]>([
    [{ apiKey: 'k', token: 't' }, 'elasticsearch.token: apiKey and token are two ways to sign in'],
    [{ username: 'u', password: 'p', apiKey: 'k' }, 'a user and apiKey are two ways'],
    [{ urls: ['http://u:p@h'], apiKey: 'k' }, 'a user and apiKey are two ways'],
    [{ apiKey: 'k', awsRegion: 'eu-west-1' }, 'apiKey and awsRegion are two ways'],
    [{ password: 'p' }, 'elasticsearch.password: a password needs its user'],
    [{ awsService: 'aoss' }, 'set awsRegion'],
    [{ awsRegion: 'r', awsAccessKeyId: 'i' }, 'awsAccessKeyId and awsSecretAccessKey belong together'],
    [{ tlsFingerprint: 'AA', urls: ['https://h'], tlsVerify: false }, 'leave tlsVerify out'],
    [{ tlsFingerprint: 'AA', urls: ['https://h'], tlsCa: 'ca.pem' }, 'leave one of them out'],
    [{ tlsFingerprint: 'AA' }, 'write https://'],
    [{ tlsCert: 'c', urls: ['https://h'] }, 'set tlsKey'],
    [{ tlsKey: 'c', urls: ['https://h'] }, 'set tlsCert'],
    [{ tlsKeyPassphrase: 'c', urls: ['https://h'] }, 'set tlsKey'],
  ])('what contradicts itself is refused: %j', async (settings, message) => {
    const { urls = ['http://h'], ...more } = settings;
    await expect(open(urls, more)).rejects.toMatchObject({
      code: 'SETTINGS_CONTRADICT',
      message: expect.stringContaining(message) as string,
    });
  });

  test('is named in the slow log: one name for a connection', async () => {
    const { url, seen } = await recording();
    for (const requests of [3, 1]) {
      const connection = await open([url]);
      for (let i = 0; i < requests; i++) await connection.send({ path: '/' }, signal);
    }
    const names = seen.map(({ headers }) => headers['x-opaque-id']);
    expect(new Set(names.slice(0, 3)).size).toBe(1);
    expect(names[3]).not.toBe(names[0]);
    for (const name of names) expect(name).toMatch(/^metrify-[\da-f]{8}$/);
  });
});

test('a path of the URL, and a query with whatever characters, arrive as they are', async () => {
  const { url, seen } = await recording();
  const connection = await open([`${url}/below/`]);
  await connection.send(
    { path: '/i/_search', query: { q: "a b&c=d/é+*'()!", left: undefined, v: '' } },
    signal,
  );
  const { pathname, searchParams } = new URL(seen[0]!.url, url);
  expect(pathname).toBe('/below/i/_search');
  expect([...searchParams]).toEqual([
    ['q', "a b&c=d/é+*'()!"],
    ['v', ''],
  ]);
});

describe('gzip', () => {
  const long = JSON.stringify({ text: 'ü'.repeat(2000) });
  const packing: RequestListener = (request, response) => {
    const packs = request.headers['accept-encoding'] === 'gzip';
    if (packs) response.setHeader('content-encoding', 'gzip');
    response.end(packs ? gzipSync(long) : long);
  };
  const send = async (settings: Partial<SearchSettings>, body: string) => {
    const { url, seen } = await recording(packing);
    const request: SearchRequest = { method: 'POST', path: '/', body };
    const answer = await (await open([url], settings)).send(request, signal);
    expect(answer.body.toString()).toBe(long);
    return seen[0]!;
  };

  test('is not used unless it is asked for', async () => {
    const { headers, body } = await send({}, long);
    expect([headers['content-encoding'], headers['accept-encoding']]).toEqual([undefined, undefined]);
    expect(body.toString()).toBe(long);
  });

  test('is used both ways, but for short bodies', async () => {
    const packed = await send({ gzip: true }, long);
    expect(packed.headers['content-encoding']).toBe('gzip');
    expect(gunzipSync(packed.body).toString()).toBe(long);
    const short = await send({ gzip: true }, '{}');
    expect([short.headers['content-encoding'], short.body.toString()]).toEqual([undefined, '{}']);
  });
});

describe('of several nodes', () => {
  test('one that dies is passed over, is tried again after 30 s, and nothing is sent twice', async () => {
    const bodies: string[] = [];
    const keeping: RequestListener = (request, response) => {
      void buffer(request).then((body) => {
        bodies.push(`${request.socket.localPort}:${body.toString()}`);
        response.end('{}');
      });
    };
    const port = await freePort();
    const start = () => {
      const server = createServer(keeping);
      return listening(server, port).then(() => server);
    };
    const dying = await start();
    const other = await serving(keeping);
    let now = 0;
    const connection = await open([`http://127.0.0.1:${port}`, other], {}, { monotonic: () => now });
    let sent = 0;
    const send = async (count: number) => {
      for (let i = 0; i < count; i++)
        await connection.send({ method: 'POST', path: '/', body: String(sent++) }, signal);
    };
    const atFirst = (from: number) => bodies.slice(from).filter((body) => body.startsWith(`${port}:`)).length;

    await send(4);
    expect(atFirst(0)).toBe(2);
    dying.closeAllConnections();
    await new Promise((closed) => dying.close(closed));
    await send(4);
    expect(atFirst(4)).toBe(0);
    await start();
    now = 29_999;
    await send(4);
    expect(atFirst(8)).toBe(0);
    now = 30_001;
    await send(4);
    expect(atFirst(12)).toBe(2);
    expect(bodies.map((body) => Number(body.split(':')[1]))).toEqual([...Array(16).keys()]);
  });

  describe('each says of which cluster it is before it is asked anything else', () => {
    const node = (uuid: string) =>
      recording((_, response) =>
        response.end(JSON.stringify({ version: { number: '9.5.3' }, cluster_uuid: uuid })),
      );
    const timeouts = { connectTimeoutMs: 20_000, requestTimeoutMs: 20_000 };
    const client = async (...urls: string[]) => {
      const opened = await ElasticClient.open({ urls }, timeouts, signal);
      stops.push(() => opened.close());
      return opened;
    };
    const write: SearchRequest = { method: 'POST', path: '/_bulk', body: '{}' };

    test('and only once', async () => {
      const [one, two] = [await node('a'), await node('a')];
      const opened = await client(one.url, two.url);
      for (let i = 0; i < 4; i++) await opened.send(write, signal);
      expect(one.seen.filter(({ url }) => url === '/_bulk')).toHaveLength(2);
      expect(two.seen.map(({ url }) => url)).toEqual(['/', '/_bulk', '/_bulk']);
    });

    test('and one of another cluster gets nothing', async () => {
      const [one, two] = [await node('a'), await node('b')];
      const opened = await client(one.url, two.url);
      await expect(opened.send(write, signal)).rejects.toMatchObject({ code: 'NODES_OF_TWO_CLUSTERS' });
      expect(two.seen.map(({ url }) => url)).toEqual(['/']);
    });

    test('and one that knows of no cluster yet is asked again', async () => {
      const [one, two] = [await node('a'), await node('_na_')];
      const opened = await client(one.url, two.url);
      for (let i = 0; i < 4; i++) await opened.send(write, signal);
      expect(two.seen.map(({ url }) => url)).toEqual(['/', '/_bulk', '/', '/_bulk']);
    });
  });

  test('without any, all are tried, and the error says how many', async () => {
    const ports = [await freePort(), await freePort()];
    const connection = await open(ports.map((port) => `http://127.0.0.1:${port}`));
    const error = await failure(connection.send({ path: '/' }, signal));
    expect(error).toMatchObject({ kind: 'unreachable', phase: 'connect' });
    expect(error.hint).toContain('None of the 2 nodes of elasticsearch.url');
  });

  test('one that closes the connection instead of answering may have done it: no other is asked', async () => {
    const cutting = await serving((request) => void buffer(request).then(() => request.socket.destroy()));
    const { url, seen } = await recording();
    const connection = await open([cutting, url]);
    expect(await failure(connection.send({ method: 'POST', path: '/', body: '{}' }, signal))).toMatchObject({
      ...{ kind: 'closed', phase: 'headers' },
    });
    expect(seen).toEqual([]);
  });

  test('one whose answer is damaged within TLS has done it: no other is asked', async () => {
    const [key, cert] = ['key', 'pem'].map((kind) => readFileSync(join(folder.path, `here.${kind}`)));
    let carriedOut = 0;
    const server = createTlsServer({ key, cert }, (request, response) => {
      void buffer(request).then(() => {
        carriedOut++;
        response.end('{}');
      });
    });
    const port = await listening(server);
    const damaging = createTcpServer((client) => {
      const upstream = connectTcp(port, '127.0.0.1');
      client.pipe(upstream).on('error', () => {});
      upstream.on('data', (bytes) => {
        // The type, version and length of a record are 5 bytes.
        if (carriedOut > 0) bytes[10]! ^= 1;
        client.write(bytes);
      });
    });
    const { url, seen } = await recording();
    const connection = await open([`https://127.0.0.1:${await listening(damaging)}`, url], {
      tlsCa: join(folder.path, 'here.pem'),
    });
    const error = await failure(connection.send({ method: 'POST', path: '/', body: '{}' }, signal));
    expect(error).toMatchObject({ kind: 'tls', phase: 'headers' });
    expect([carriedOut, seen.length]).toEqual([1, 0]);
  });
});

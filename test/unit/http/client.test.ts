import { createServer, type IncomingMessage } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';

import { describe, expect, test } from 'vitest';

import { ServiceUnavailable, UserError } from '../../../src/lib/core/errors.js';
import { freePort } from '../../servers/ports.js';
import { temporaryDirectory } from '../../servers/process.js';
import { failure, listening, open, serving, signal, stops } from './peer.js';

/** Answers each request with raw bytes; undefined destroys the connection. */
const raw = async (answer: (path: string, socket: Socket, nth: number) => void) => {
  let connections = 0;
  const server = createTcpServer((socket) => {
    connections += 1;
    let nth = 0;
    socket.on('data', (data) => answer(/^[A-Z]+ (\S+)/.exec(data.toString())?.[1] ?? '', socket, nth++));
  });
  const url = `http://127.0.0.1:${await listening(server)}`;
  return { url, connections: () => connections };
};

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

const ok = (body: string) => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

describe('a request', () => {
  test.each([
    ['POST', 'grün', '5'],
    ['PUT', Buffer.from([0x67, 0xff]), '2'],
    ['PATCH', () => Readable.from(['in ', 'pieces']), undefined],
    ['DELETE', undefined, undefined],
    ['GET', undefined, undefined],
    ['PURGE', undefined, undefined],
  ])('%s is sent with its body and headers', async (method, body, length) => {
    const seen: unknown[] = [];
    const url = await serving((request, response) => {
      void bodyOf(request).then((text) => {
        seen.push([
          request.method,
          request.url,
          text,
          request.headers['content-length'],
          request.headers['x-a'],
        ]);
        response.writeHead(201, { 'x-b': ['1', '2'], 'set-cookie': 'a=1' }).end('made');
      });
    });
    const answer = await open(url).request(
      {
        method,
        path: '/a?b=%20c',
        body: typeof body === 'function' ? body() : body,
        headers: { 'x-a': 'y' },
      },
      signal,
    );
    const text = typeof body === 'function' ? 'in pieces' : (body?.toString() ?? '');
    expect(seen).toEqual([
      [
        method,
        '/a?b=%20c',
        text,
        length ?? (method === 'PATCH' || body !== undefined ? undefined : seenLength(seen)),
        'y',
      ],
    ]);
    expect(answer).toMatchObject({ status: 201, bytes: 4, cut: false, resent: 0 });
    expect(answer.body.toString()).toBe('made');
    expect(answer.headers).toMatchObject({ 'x-b': '1, 2', 'set-cookie': ['a=1'] });
  });

  /** Servers may or may not be told that there is no body. */
  function seenLength(seen: unknown[]): unknown {
    const [first] = seen as [unknown[]];
    expect([undefined, '0']).toContain(first[3]);
    return first[3];
  }

  test('keeps its path byte by byte', async () => {
    const seen: string[] = [];
    const { url } = await raw((path, socket) => {
      seen.push(Buffer.from(path, 'utf8').toString('hex'));
      socket.write(ok(''));
    });
    await open(url).request({ path: '/%zz//x?\xe9=1' }, signal);
    // The server read the bytes as UTF-8, in which E9 alone is a replacement character.
    expect(seen).toEqual([Buffer.from('/%zz//x?\ufffd=1').toString('hex')]);
  });

  test('never goes over more connections than it may, and keeps them', async () => {
    const ports = new Set<number | undefined>();
    let open_ = 0;
    let most = 0;
    const url = await serving((request, response) => {
      ports.add(request.socket.remotePort);
      most = Math.max(most, ++open_);
      setTimeout(() => {
        open_--;
        response.end('x');
      }, 5);
    });
    const client = open(url, { connections: 3 });
    await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        client.request({ path: '/', method: i % 2 ? 'HEAD' : 'GET' }, signal),
      ),
    );
    expect([most, ports.size]).toEqual([3, 3]);
  });

  test('closes its connection where that is wanted', async () => {
    const ports = new Set<number | undefined>();
    const url = await serving((request, response) => {
      ports.add(request.socket.remotePort);
      response.end(request.headers.connection);
    });
    const client = open(url);
    for (let i = 0; i < 3; i++)
      expect((await client.request({ path: '/', close: true }, signal)).body.toString()).toBe('close');
    expect(ports.size).toBe(3);
  });

  test('follows no redirect, and unpacks nothing unasked', async () => {
    const packed = gzipSync('packed');
    let asked = 0;
    const url = await serving((request, response) => {
      asked++;
      expect(request.headers['accept-encoding']).toBeUndefined();
      response.writeHead(302, { location: '/x', 'content-encoding': 'gzip' }).end(packed);
    });
    const answer = await open(url).request({ path: '/' }, signal);
    expect([answer.status, answer.body.equals(packed), asked]).toEqual([302, true, 1]);
  });

  test('that cannot be sent is the caller’s mistake', async () => {
    const client = open(await serving((_, response) => response.end()));
    for (const request of [
      { path: '/', headers: { 'no header': 'x' } },
      { path: 'no path' },
      { path: '/', method: 'NO METHOD' },
    ])
      await expect(client.request(request, signal)).rejects.toMatchObject({
        code: 'HTTP_REQUEST',
        exitCode: 2,
      });
    expect((await client.request({ path: '/' }, signal)).status).toBe(200);
  });

  test('does not go through a proxy of the environment', async () => {
    let proxied = 0;
    const proxy = await serving((_, response) => (proxied++, response.end('proxy')));
    const url = await serving((_, response) => response.end('server'));
    const before = process.env.http_proxy;
    process.env.http_proxy = proxy;
    try {
      expect((await open(url).request({ path: '/' }, signal)).body.toString()).toBe('server');
    } finally {
      if (before === undefined) delete process.env.http_proxy;
      else process.env.http_proxy = before;
    }
    expect(proxied).toBe(0);
  });
});

describe('a body', () => {
  test('longer than it may be is an error, or cut, and the rest is discarded', async () => {
    let closed = 0;
    const url = await serving((request, response) => {
      request.socket.once('close', () => closed++);
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 'x')));
      };
      response.on('drain', more);
      more();
    });
    const client = open(url, { target: 'The store at x' });
    const error = await failure(client.request({ path: '/', maxBodyBytes: 100_000 }, signal));
    expect(error).toMatchObject({ kind: 'too-large', code: 'ANSWER_TOO_LARGE', message: 'the answer of The store at x is longer than 97.7 KiB' }); // prettier-ignore
    const cut = await client.request({ path: '/', maxBodyBytes: 100_000, beyond: 'cut' }, signal);
    expect([cut.cut, cut.body.length, cut.bytes >= 100_000]).toEqual([true, 100_000, true]);
    const counted = await client.request(
      { path: '/', maxBodyBytes: 100_000, beyond: 'cut', keepBody: false },
      signal,
    );
    expect([counted.cut, counted.body.length, counted.bytes >= 100_000]).toEqual([true, 0, true]);
    await expect.poll(() => closed).toBe(3);
  });

  test.each([
    ['is unpacked', gzipSync('x'.repeat(5000)), 'x'.repeat(5000)],
    ['that is not packed is taken as it is', undefined, 'plain'],
    ['that is not gzip', Buffer.from('not gzip at all'), /not the gzip that it says/],
    ['that is cut off', gzipSync('x'.repeat(5000)).subarray(0, 20), /not the gzip that it says/],
    ['that is a bomb', gzipSync(Buffer.alloc(1 << 20)), /longer than/],
  ])('asked for as gzip %s', async (_, packed, expected) => {
    const url = await serving((request, response) => {
      expect(request.headers['accept-encoding']).toBe('gzip');
      if (packed) response.writeHead(200, { 'content-encoding': 'gzip' }).end(packed);
      else response.end('plain');
    });
    const asking = open(url).request({ path: '/', gzip: true, maxBodyBytes: 10_000 }, signal);
    if (expected instanceof RegExp) expect((await failure(asking)).message).toMatch(expected);
    else expect((await asking).body.toString()).toBe(expected);
  });
});

describe('a connection', () => {
  test('that nobody takes', async () => {
    const port = await freePort();
    const error = await failure(open(`http://127.0.0.1:${port}`).request({ path: '/' }, signal));
    expect(error).toBeInstanceOf(ServiceUnavailable);
    expect(error).toMatchObject({
      ...{ kind: 'unreachable', phase: 'connect', reason: 'connection refused', exitCode: 5 },
      message: `http://127.0.0.1:${port} cannot be reached: connection refused`,
    });
  });

  test('to a name that nobody has, and to a socket that is not there', async () => {
    const unknown = await failure(open('http://nobody.invalid').request({ path: '/' }, signal));
    expect(unknown.reason).toMatch(/^its name (is not known|cannot be looked up now)$/);
    const absent = open('http://localhost', { socketPath: '/no/such/socket' });
    expect((await failure(absent.request({ path: '/' }, signal))).reason).toBe('no such socket');
  });

  test.each([
    ['a Content-Length that promises more', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort', true, 'closed', 'the answer was cut short'], // prettier-ignore
    ['a chunked body without its end', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n', true, 'closed', 'the answer was cut short'], // prettier-ignore
    ['the same on a connection that ends', 'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n', true, 'closed', 'the answer was cut short'], // prettier-ignore
    ['a Content-Length that promises less', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nlonger', false, 'malformed', 'the answer is longer than it says'], // prettier-ignore
    ['what is not HTTP', '\x16\x03\x01 no HTTP at all\r\n\r\n', false, 'malformed', 'the answer is not HTTP: Expected HTTP/, RTSP/ or ICE/'], // prettier-ignore
    ['headers without end', `HTTP/1.1 200 OK\r\n${'X-Long: y\r\n'.repeat(100_000)}`, false, 'malformed', "the answer's headers are too long"], // prettier-ignore
    ['nothing', '', true, 'closed', 'the connection was closed'],
  ] as const)('that brings %s', async (_, bytes, ends, kind, reason) => {
    const { url } = await raw((path, socket) => {
      if (path === '/good') socket.write(ok('fine'));
      else if (ends) socket.end(bytes);
      else socket.write(bytes);
    });
    const client = open(url, { connections: 1 });
    for (let i = 0; i < 3; i++) {
      expect(await failure(client.request({ path: '/bad' }, signal))).toMatchObject({ kind, reason });
      // The next request has nothing to do with it.
      expect((await client.request({ path: '/good' }, signal)).body.toString()).toBe('fine');
    }
  });

  test('that ends with the answer, is kept, or has two answers in one packet each, serves the next request', async () => {
    const { url, connections } = await raw((path, socket) => {
      if (path === '/ends') socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nto the end');
      else socket.write(ok('kept'));
    });
    const client = open(url, { connections: 1 });
    for (let i = 0; i < 3; i++) {
      expect((await client.request({ path: '/ends' }, signal)).body.toString()).toBe('to the end');
      for (let j = 0; j < 3; j++)
        expect((await client.request({ path: '/kept' }, signal)).body.toString()).toBe('kept');
    }
    expect(connections()).toBe(4);
  });

  test.each(['GET', 'HEAD', 'POST', 'PUT'])(
    'that the server closed while it was kept: %s',
    async (method) => {
      let answered = 0;
      const { url, connections } = await raw((_, socket, nth) => {
        // The second request on each connection meets its end.
        if (nth > 0) return void socket.destroy();
        answered++;
        socket.write(method === 'HEAD' ? 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n' : ok('fine'));
      });
      const client = open(url, { connections: 1 });
      expect(await client.request({ method, path: '/' }, signal)).toMatchObject({ status: 200, resent: 0 });
      const second = client.request({ method, path: '/' }, signal);
      if (method === 'GET' || method === 'HEAD') {
        expect(await second).toMatchObject({ status: 200, resent: 1 });
        expect([answered, connections()]).toEqual([2, 2]);
      } else {
        expect(await failure(second)).toMatchObject({ kind: 'closed' });
        expect(answered).toBe(1);
      }
    },
  );

  test('that is new and closed at once is not tried again', async () => {
    const { url, connections } = await raw((_, socket) => void socket.destroy());
    await failure(open(url).request({ path: '/' }, signal));
    expect(connections()).toBe(1);
  });

  test('over a Unix socket', async () => {
    const folder = await temporaryDirectory('http-socket');
    stops.push(() => folder.remove());
    const path = join(folder.path, 's');
    await listening(
      createServer((request, response) => response.end(request.headers.host)),
      path,
    );
    const client = open('http://docker.example', { socketPath: path });
    expect((await client.request({ path: '/' }, signal)).body.toString()).toBe('docker.example');
  });
});

describe('a time-out', () => {
  test('names the phase', async () => {
    const { url } = await raw((path, socket) => {
      if (path !== '/never') socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nx');
    });
    // The request's own time-out includes the phases before: a stalled machine must get through them.
    const limits = { requestTimeoutMs: 4000 };
    const failures = await Promise.all([
      failure(open(url, limits).request({ path: '/never' }, signal)),
      failure(open(url, limits).request({ path: '/stuck' }, signal)),
      failure(open(url, { headersTimeoutMs: 150 }).request({ path: '/never' }, signal)),
      failure(open(url, { idleTimeoutMs: 150 }).request({ path: '/stuck' }, signal)),
    ]);
    expect(failures).toMatchObject([
      { kind: 'timeout', phase: 'headers', reason: 'no answer within 4s' },
      { kind: 'timeout', phase: 'body', reason: 'no whole answer within 4s' },
      { kind: 'timeout', phase: 'headers', reason: 'no answer within 150ms' },
      { kind: 'timeout', phase: 'body', reason: 'the answer paused for 150ms' },
    ]);
  });

  test('of the connection: TLS that is never answered, and a wait for a free connection', async () => {
    const mute = await listening(createTcpServer());
    const client = open(`https://127.0.0.1:${mute}`, { connectTimeoutMs: 150 });
    expect(await failure(client.request({ path: '/' }, signal))).toMatchObject({
      ...{ kind: 'timeout', phase: 'connect', reason: 'no connection within 150ms' },
    });
    const taken = await serving((request, response) => void (request.url === '/good' && response.end()));
    const busy = open(taken, { connections: 1, requestTimeoutMs: 4000 });
    // Over the connection that this leaves, the first one is sent at once.
    await busy.request({ path: '/good' }, signal);
    const [first, second] = await Promise.all([1, 2].map(() => failure(busy.request({ path: '/' }, signal))));
    expect([first!.phase, second!.phase]).toEqual(['headers', 'connect']);
  });
});

test('an abort ends requests in each phase with its reason, and the next one is not harmed', async () => {
  const url = await serving((request, response) => {
    if (request.url === '/good') response.end('fine');
    else if (request.url === '/body') response.write('x');
  });
  const client = open(url, { connections: 1 });
  const reason = new Error('stopped');
  for (const path of ['/headers', '/body']) {
    const stopping = new AbortController();
    const asking = client.request({ path }, stopping.signal);
    const waiting = client.request({ path }, stopping.signal);
    setTimeout(() => stopping.abort(reason), 50);
    await expect(asking).rejects.toBe(reason);
    await expect(waiting).rejects.toBe(reason);
    expect((await client.request({ path: '/good' }, signal)).body.toString()).toBe('fine');
  }
  await expect(client.request({ path: '/good' }, AbortSignal.abort(reason))).rejects.toBe(reason);
});

test('a client that is closed ends its requests', async () => {
  const client = open(await serving(() => undefined));
  const asking = client.request({ path: '/' }, signal);
  setTimeout(() => client.close(), 50);
  await expect(asking).rejects.toBeInstanceOf(UserError);
});

import { readFileSync, writeFileSync } from 'node:fs';
import {
  constants,
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { makeCertificates } from '../../servers/certificates.js';
import { needs } from '../../servers/needs.js';
import { startNginx } from '../../servers/nginx.js';
import { freePort } from '../../servers/ports.js';
import { temporaryDirectory, type TemporaryDirectory } from '../../servers/process.js';
import { http, listen, loadOnceQuiet } from './run-load.js';

let folder: TemporaryDirectory;
const at = (name: string) => join(folder.path, name);
beforeAll(async () => {
  folder = await temporaryDirectory('load-http2');
  makeCertificates(folder.path);
});
afterAll(() => folder.remove());

/** A server, and how what it has seen is forgotten before a run is repeated. */
interface Peer {
  readonly url: string;
  reset?(): void;
}

const run = ({ url, reset }: Peer, ...args: string[]) =>
  loadOnceQuiet(['run', url, '--http2', ...args], { ...(reset && { before: reset }) });

interface Seen {
  sessions: number;
  streams: number;
  /** Most at one time, of one session. */
  concurrent: number;
}

/** An HTTP/2 server without TLS; it calls `answer` for stream n, from 1. */
async function serve(
  answer: (
    stream: ServerHttp2Stream,
    n: number,
    session: ServerHttp2Session,
    headers: IncomingHttpHeaders,
  ) => void,
  options: ServerOptions = {},
): Promise<Required<Peer> & { readonly seen: Seen }> {
  const none = { sessions: 0, streams: 0, concurrent: 0 };
  const seen = { ...none };
  const server = createServer(options);
  const open = new Set<ServerHttp2Session>();
  server.on('session', (session) => {
    seen.sessions++;
    open.add(session);
    session.on('close', () => open.delete(session)).on('error', () => {});
    let streams = 0;
    session.on('stream', (stream, headers) => {
      seen.concurrent = Math.max(seen.concurrent, ++streams);
      stream.on('close', () => streams--).on('error', () => {});
      answer(stream, ++seen.streams, session, headers);
    });
  });
  return { url: await listening(server, open), seen, reset: () => void Object.assign(seen, none) };
}

async function listening(server: Http2Server, open: Set<ServerHttp2Session>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const session of open) session.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Node.js lets nobody touch the socket itself. */
function cut(session: ServerHttp2Session): void {
  const [symbol] = Object.getOwnPropertySymbols(session).filter(
    ({ description }) => description === 'socket',
  );
  (session as unknown as Record<symbol, Socket>)[symbol!]!.destroy();
}

const ok = (stream: ServerHttp2Stream, ms = 0) =>
  void setTimeout(() => {
    if (stream.destroyed) return;
    stream.respond({ ':status': 200 });
    stream.end('ok');
  }, ms);

describe('load run --http2', () => {
  it('sends many requests at a time over one connection', async () => {
    const peer = await serve((stream) => ok(stream, 20));
    const { code, result } = await run(peer, '--connections', '40', '--duration', '500ms');
    expect(code).toBe(0);
    expect(result.answered).toBe(result.sent);
    expect(peer.seen).toEqual({ sessions: 1, streams: result.sent, concurrent: 40 });
    expect(result.bytes).toBe(2 * result.answered);
  });

  it('keeps to the streams that the server takes, and opens another connection', async () => {
    const peer = await serve((stream) => ok(stream, 20), { settings: { maxConcurrentStreams: 5 } });
    const { code, result } = await run(peer, '--connections', '12', '--duration', '500ms');
    expect(code).toBe(0);
    expect(peer.seen.concurrent).toBe(5);
    expect(peer.seen.sessions).toBe(3);
    expect(result.generator.mostConnections).toBe(3);
  });

  it('sends method, headers and body', async () => {
    const bodies: string[] = [];
    const headers: unknown[] = [];
    const peer = await serve((stream, _n, _session, received) => {
      headers.push(received);
      stream.on('data', (chunk: Buffer) => bodies.push(chunk.toString()));
      stream.on('end', () => ok(stream));
    });
    writeFileSync(at('body'), 'reading=1');
    const sent = ['--rate', '10', '--duration', '500ms', '--body-file', at('body'), '--header', 'X-One: 1'];
    const { code, result } = await run(
      {
        url: `${peer.url}readings?a=1`,
        reset: () => {
          bodies.length = 0;
          headers.length = 0;
        },
      },
      ...sent,
    );
    expect(code).toBe(0);
    expect(result.byName.map(({ name }) => name)).toEqual(['POST /readings']);
    expect(bodies).toEqual(['reading=1', 'reading=1', 'reading=1', 'reading=1', 'reading=1']);
    for (const received of headers)
      expect(received).toMatchObject({
        ':method': 'POST',
        ':path': '/readings?a=1',
        ':authority': new URL(peer.url).host,
        'content-length': '9',
        'x-one': '1',
        traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/) as string,
      });
  });

  it('sends again, once, what the server refused to process', async () => {
    const peer = await serve((stream, n) => {
      if (n % 3 === 0) stream.close(constants.NGHTTP2_REFUSED_STREAM);
      else ok(stream);
    });
    const { result } = await run(peer, '--rate', '60', '--duration', '1s', '--method', 'POST');
    expect(result.failed + result.answered).toBe(60);
    expect(result.resent).toBeGreaterThan(10);
    expect(peer.seen.streams).toBe(60 + result.resent);
    expect(result.errors.byKind['refused-stream'] ?? 0).toBe(result.failed);
  });

  it('fails what is refused twice', async () => {
    const peer = await serve((stream) => stream.close(constants.NGHTTP2_REFUSED_STREAM));
    const { code, result } = await run(peer, '--rate', '10', '--duration', '500ms');
    expect(code).toBe(5);
    expect(result.errors.byKind).toEqual({ 'refused-stream': 5 });
    expect(peer.seen.streams).toBe(10);
  });

  it('loses nothing when the server ends its connections gracefully', async () => {
    const peer = await serve((stream, n, session) => {
      ok(stream, 5);
      if (n % 50 === 0) session.goaway(constants.NGHTTP2_NO_ERROR);
    });
    const { code, result } = await run(peer, '--connections', '10', '--duration', '1s');
    expect(code).toBe(0);
    expect(result.failed).toBe(0);
    expect(peer.seen.sessions).toBeGreaterThan(1);
  });

  it('counts streams that were reset, and connections that broke, as failures', async () => {
    const peer = await serve((stream, n, session) => {
      if (n % 10 === 3) stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      else if (n % 10 === 7) cut(session);
      else ok(stream);
    });
    const { result } = await run(peer, '--rate', '100', '--duration', '1s', '--method', 'POST');
    expect(result.failed).toBeGreaterThanOrEqual(10);
    expect(Object.keys(result.errors.byKind).every((kind) => kind === 'reset' || kind === 'closed')).toBe(
      true,
    );
    expect(result.answered).toBe(100 - result.failed);
  });

  it('gives up what is never answered', async () => {
    const peer = await serve((stream, n) => {
      if (n % 2 === 0) ok(stream);
    });
    const timeout = ['--request-timeout', '3s'];
    const { result } = await run(peer, '--rate', '20', '--duration', '1s', ...timeout);
    expect(result).toMatchObject({ sent: 20, answered: 10, errors: { byKind: { timeout: 10 } } });
  });

  it('says what a server speaks that has no HTTP/2', async () => {
    const plain = await http((_, response) => response.end('ok'));
    const rate = ['--rate', '5', '--duration', '1s'];
    const wrong = await run({ url: plain }, ...rate);
    expect(wrong.code).toBe(5);
    expect(wrong.result.errors.reasons.malformed).toContain('not HTTP/2');
    const tls = createTlsServer(
      { key: readFileSync(at('here.key')), cert: readFileSync(at('here.pem')) },
      (_, response) => response.end('ok'),
    );
    const secure = (await listen(tls)).replace('http:', 'https:');
    const refused = await run({ url: secure }, ...rate, '--insecure');
    expect(refused.code).toBe(5);
    expect(refused.result.errors.byKind).toEqual({ tls: 5 });
    expect(refused.result.errors.reasons.tls).toContain('ALPN');
  });

  it('agrees on it with a server over TLS', async () => {
    const server = createSecureServer({
      key: readFileSync(at('here.key')),
      cert: readFileSync(at('here.pem')),
    });
    server.on('stream', (stream) => ok(stream));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const args = ['--connections', '5', '--duration', '300ms', '--cacert', at('here.pem')];
    const { code, result } = await run({ url }, ...args);
    expect(code).toBe(0);
    expect(result.failed).toBe(0);
  });
});

needs('nginx')('load run --http2 to NGINX', () => {
  it('is HTTP/2 with prior knowledge, which NGINX writes into its log', async () => {
    const port = await freePort();
    const nginx = await startNginx({
      http: "log_format protocol '$server_protocol $status';",
      logFormat: 'protocol',
      // A connection that has had its requests is replaced, and there are three for a moment.
      server: `listen 127.0.0.1:${port} http2; keepalive_requests 1000000; location / { return 200 "ok"; }`,
    });
    onTestFinished(() => nginx.stop());
    const url = `http://127.0.0.1:${port}/`;
    const { result } = await run({ url }, '--connections', '200', '--duration', '500ms');
    expect(result.failed).toBe(0);
    // NGINX takes 128 streams a connection.
    expect(result.generator.mostConnections).toBe(2);
    await expect
      .poll(async () => (await nginx.lines()).filter((line) => line === 'HTTP/2.0 200').length)
      .toBeGreaterThanOrEqual(result.answered);
  });
});

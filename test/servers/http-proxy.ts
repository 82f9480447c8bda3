import {
  createServer,
  request as send,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** What becomes of a request: `refuse` answers 503, `cut` closes before it is sent on, `lose` after it was answered. `deny` answers as S3 of an upload that is gone. */
export type Fate = 'pass' | 'refuse' | 'cut' | 'lose' | 'hold' | 'deny';

export interface ProxyAnswer {
  readonly status: number;
  readonly headers?: OutgoingHttpHeaders;
  readonly body: Buffer | string;
}

/** Answers a request itself, or with what `forward` gets from the server; either body may be another one than was sent. Bodies are not compressed. */
export type Handler = (
  body: Buffer,
  forward: (body: Buffer | string) => Promise<ProxyAnswer>,
) => ProxyAnswer | Promise<ProxyAnswer>;

export interface HttpProxy {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Asked for each request, which waits for the answer. Default: they pass. */
  fate: (request: IncomingMessage) => Fate | Handler | Promise<Fate | Handler>;
  /** Requests so far. */
  readonly requests: number;
  stop(): Promise<void>;
}

/** In front of a server on a loopback port; `Host` stays as the client sent it. */
export async function startHttpProxy(port: number): Promise<HttpProxy> {
  let requests = 0;
  const server = createServer((incoming, outgoing) => {
    requests++;
    settle(incoming, outgoing).catch(() => incoming.socket.destroy());
  });
  const settle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const fate = await proxy.fate(incoming);
    if (fate === 'hold') return;
    if (fate === 'cut') return void incoming.socket.destroy();
    if (fate === 'refuse' || fate === 'deny') {
      const [status, code] = fate === 'refuse' ? [503, 'SlowDown'] : [404, 'NoSuchUpload'];
      incoming.resume();
      outgoing.writeHead(status, { 'content-type': 'application/xml' });
      outgoing.end(
        `<?xml version="1.0"?><Error><Code>${code}</Code><Message>Said by a proxy.</Message></Error>`,
      );
      return;
    }
    if (typeof fate === 'function') {
      const { status, headers, body } = await fate(await buffer(incoming), (onward) =>
        exchange(port, incoming, onward),
      );
      outgoing.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) }).end(body);
      return;
    }
    const { method, url: path, headers } = incoming;
    const onward = send({ host: '127.0.0.1', port, method, path, headers }, (answer) => {
      if (fate === 'lose') {
        answer.resume();
        answer.once('end', () => incoming.socket.destroy());
        return;
      }
      outgoing.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(outgoing);
    });
    onward.once('error', () => incoming.socket.destroy());
    incoming.pipe(onward);
  };
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const proxy: HttpProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fate: () => 'pass',
    get requests() {
      return requests;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return proxy;
}

async function exchange(
  port: number,
  { method, url: path, headers }: IncomingMessage,
  body: Buffer | string,
): Promise<ProxyAnswer> {
  const { 'transfer-encoding': _chunked, ...kept } = headers;
  const sent = { ...kept, 'accept-encoding': 'identity', 'content-length': Buffer.byteLength(body) };
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    send({ host: '127.0.0.1', port, method, path, headers: sent }, resolve).once('error', reject).end(body);
  });
  const { 'transfer-encoding': _also, ...told } = answer.headers;
  return { status: answer.statusCode!, headers: told, body: await buffer(answer) };
}

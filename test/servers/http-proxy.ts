import { createServer, request as send, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What becomes of a request: `refuse` answers 503, `cut` closes before it is sent on, `lose` after it was answered. `deny` answers as S3 of an upload that is gone. */
export type Fate = 'pass' | 'refuse' | 'cut' | 'lose' | 'hold' | 'deny';

export interface HttpProxy {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Asked for each request, which waits for the answer. Default: they pass. */
  fate: (request: IncomingMessage) => Fate | Promise<Fate>;
  /** Requests so far. */
  readonly requests: number;
  stop(): Promise<void>;
}

/** In front of a server on a loopback port; `Host` stays as the client sent it. */
export async function startHttpProxy(port: number): Promise<HttpProxy> {
  let requests = 0;
  const server = createServer(async (incoming, outgoing) => {
    requests++;
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
  });
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

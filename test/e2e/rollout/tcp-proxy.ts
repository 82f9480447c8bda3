import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** Something between a client and a server that can be killed without the server. */
export interface TcpProxy {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** Breaks every connection and takes no more. */
  kill(): Promise<void>;
}

/** To the host and port of `url`; what passes takes `delayMs` each way. */
export async function startTcpProxy(url: string, delayMs = 0): Promise<TcpProxy> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      if (delayMs === 0) from.pipe(to);
      else from.on('data', (data) => setTimeout(() => to.write(data), delayMs));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async kill() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

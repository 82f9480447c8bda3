import type { Socket } from 'node:net';

import type { Dispatcher, Pool } from 'undici';

import { ConnectFailed } from './failure.js';

/** All as PEM. */
export interface HttpTls {
  /** False only where the operator switched verification off by name. */
  readonly verify?: boolean | undefined;
  /** The authorities to trust, instead of the usual ones. */
  readonly ca?: string | Buffer | undefined;
  /** The client's certificate. */
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  /** The name that the server's certificate must carry, where that is not its host name. */
  readonly servername?: string | undefined;
}

export interface ConnectionOptions {
  /** The most connections that are open at once; further requests wait. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
  readonly tls?: HttpTls | undefined;
  /** Path of a Unix socket; the URL's host is only sent as `Host`. */
  readonly socketPath?: string | undefined;
  /** Makes the connections instead, TLS included: through a proxy. */
  readonly connect?: ((hostname: string, port: number) => Promise<Socket>) | undefined;
}

/** One place in the pool, and the connection that it has now. */
export interface Line {
  socket: Socket | undefined;
  /** Requests that were sent over that connection. */
  uses: number;
}

export interface LineOptions extends Dispatcher.DispatchOptions {
  /** Told over which line the request goes. */
  readonly onLine: (line: Line) => void;
}

/** An idle connection is closed after this time, unless the server names a shorter one. */
const keepAliveMs = 60_000;

export interface Connections {
  dispatch(options: LineOptions, handler: Dispatcher.DispatchHandler): void;
  close(): void;
}

/** undici's pool, in which a request knows its connection. undici takes 45 ms to load, so that it comes with the first pool. */
export async function openConnections(base: URL, options: ConnectionOptions): Promise<Connections> {
  const [{ default: PoolOf }, { default: ClientOf }, { default: buildConnector }] = await Promise.all([
    import('undici/lib/dispatcher/pool.js'),
    import('undici/lib/dispatcher/client.js'),
    import('undici/lib/core/connect.js'),
  ]);
  const { tls = {}, socketPath, connect } = options;
  const connector = buildConnector({
    timeout: options.connectTimeoutMs,
    ...(socketPath === undefined ? {} : { socketPath }),
    // Said outright: NODE_TLS_REJECT_UNAUTHORIZED must not switch the verification off.
    rejectUnauthorized: tls.verify !== false,
    ...definedOf({ ca: tls.ca, cert: tls.cert, key: tls.key, servername: tls.servername }),
  }) as unknown as Connector;
  const making = new Set<Socket>();

  const openLine = (line: Line): Connector => {
    return (target, callback) => {
      const made = (error: Error | null, socket: Socket | null) => {
        if (error) return callback(new ConnectFailed(error), null);
        line.socket = socket!;
        line.uses = 0;
        callback(null, socket);
      };
      if (connect) {
        const port = Number(target.port || (target.protocol === 'https:' ? 443 : 80));
        connect(target.hostname, port).then((socket) => made(null, socket), made as (error: Error) => void);
        return;
      }
      // undici would prefer the name in `Host`.
      const servername = tls.servername ?? target.servername;
      const socket = connector({ ...target, servername }, (error, connected) => {
        making.delete(socket);
        made(error, connected);
      }) as Socket;
      making.add(socket);
    };
  };

  const pool: Pool = new PoolOf(base.origin, {
    connections: options.connections,
    pipelining: 1,
    keepAliveTimeout: keepAliveMs,
    allowH2: false,
    // Ours measure phases of a request; undici's are set with each one.
    headersTimeout: 0,
    bodyTimeout: 0,
    factory: (origin, settings) => {
      const line: Line = { socket: undefined, uses: 0 };
      const client = new ClientOf(origin, { ...settings, connect: openLine(line) as never });
      const dispatch = client.dispatch.bind(client);
      client.dispatch = (request, handler) => {
        (request as LineOptions).onLine(line);
        return dispatch(request, handler);
      };
      return client;
    },
  });
  return {
    dispatch: (request, handler) => void pool.dispatch(request, handler),
    close() {
      // It resolves when all requests were told, of which the callers know.
      void pool.destroy();
      // undici waits for connections that are being made.
      for (const socket of making) socket.destroy();
    },
  };
}

type Connector = (
  target: { hostname: string; protocol: string; port: string; servername?: string | undefined },
  callback: (error: Error | null, socket: Socket | null) => void,
) => Socket | void;

function definedOf<T extends object>(options: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

import type { Socket } from 'node:net';

import type { Dispatcher, Pool } from 'undici';

import { type ConnectTarget, Connector, type ConnectorOptions } from './connector.js';
import { ConnectFailed } from './failure.js';

export interface ConnectionOptions extends ConnectorOptions {
  /** The most connections that are open at once; further requests wait. */
  readonly connections: number;
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
  const connector = new Connector(buildConnector, options);
  const connect = (target: ConnectTarget): Promise<Socket> => {
    if (options.connect === undefined) return connector.connect(target);
    const port = Number(target.port || (target.protocol === 'https:' ? 443 : 80));
    return options.connect(target.hostname, port).catch((error: unknown) => {
      throw new ConnectFailed(error);
    });
  };
  const openLine = (line: Line) => (target: ConnectTarget, callback: Connected) => {
    const made = (socket: Socket) => {
      line.socket = socket;
      line.uses = 0;
      // After an error of TLS, undici would wait for the connection's end, and tell of that instead.
      socket.on('error', () => socket.destroy());
      callback(null, socket);
    };
    connect(target).then(made, (error: Error) => callback(error, null));
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
      connector.close();
    },
  };
}

type Connected = (error: Error | null, socket: Socket | null) => void;

import type { Socket } from 'node:net';

import type { buildConnector } from 'undici';

import { ConnectFailed } from './failure.js';
import { pinnedCertificate } from './pinned.js';

/** All as PEM. */
export interface HttpTls {
  /** False only where the operator switched verification off by name. */
  readonly verify?: boolean | undefined;
  /** The authorities to trust, instead of the usual ones. */
  readonly ca?: string | Buffer | undefined;
  /** SHA-256 of the one certificate of the server's chain to trust as an authority: `AB:CD:…`. */
  readonly fingerprint?: string | undefined;
  /** The client's certificate. */
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  /** The name that the server's certificate must carry, where that is not its host name. */
  readonly servername?: string | undefined;
}

export interface ConnectorOptions {
  readonly connectTimeoutMs: number;
  readonly tls?: HttpTls | undefined;
  /** Path of a Unix socket; the URL's host is only sent as `Host`. */
  readonly socketPath?: string | undefined;
}

export interface ConnectTarget {
  readonly hostname: string;
  readonly protocol: string;
  readonly port: string;
  readonly servername?: string | undefined;
}

/** Makes connections to one server with undici's connector. */
export class Connector {
  readonly #build: typeof buildConnector;
  readonly #options: ConnectorOptions;
  readonly #making = new Set<Socket>();
  #connect: Promise<buildConnector.connector> | undefined;
  #isClosed = false;

  constructor(build: typeof buildConnector, options: ConnectorOptions) {
    this.#build = build;
    this.#options = options;
  }

  /** @throws ConnectFailed */
  async connect(target: ConnectTarget): Promise<Socket> {
    // undici would prefer the name in `Host`.
    const servername = this.#options.tls?.servername ?? target.servername;
    const connect = await this.#open({ ...target, servername });
    if (this.#isClosed) throw new ConnectFailed(new Error('the client was closed'));
    return new Promise((resolve, reject) => {
      // It returns the socket at once, which the types leave out.
      const socket = connect({ ...target, servername } as never, (error, connected) => {
        this.#making.delete(socket);
        if (error) reject(new ConnectFailed(error));
        else resolve(connected);
      }) as unknown as Socket;
      this.#making.add(socket);
    });
  }

  /** undici waits for connections that are being made. */
  close(): void {
    this.#isClosed = true;
    for (const socket of this.#making) socket.destroy();
  }

  #open(target: ConnectTarget): Promise<buildConnector.connector> {
    const { fingerprint, ca } = this.#options.tls ?? {};
    if (fingerprint === undefined || target.protocol !== 'https:')
      return (this.#connect ??= Promise.resolve(this.#trusting(ca)));
    this.#connect ??= this.#pinned(target, fingerprint)
      .then((authority) => this.#trusting(authority))
      .catch((error: unknown) => {
        // The next connection tries again.
        this.#connect = undefined;
        throw error;
      });
    return this.#connect;
  }

  #trusting(ca: string | Buffer | undefined): buildConnector.connector {
    const { connectTimeoutMs, socketPath, tls = {} } = this.#options;
    const options = {
      timeout: connectTimeoutMs,
      socketPath,
      // Said outright: NODE_TLS_REJECT_UNAUTHORIZED must not switch the verification off.
      rejectUnauthorized: tls.verify !== false,
      ca,
      // A pinned certificate need not be a root.
      allowPartialTrustChain: tls.fingerprint === undefined ? undefined : true,
      cert: tls.cert,
      key: tls.key,
      servername: tls.servername,
    };
    return this.#build(definedOf(options) as buildConnector.BuildOptions);
  }

  async #pinned({ hostname, port, servername }: ConnectTarget, fingerprint: string): Promise<string> {
    const { connectTimeoutMs, tls } = this.#options;
    const server = {
      hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(port || 443),
      servername,
    };
    let making: Socket | undefined;
    const timer = setTimeout(
      () => making?.destroy(Object.assign(new Error(), { code: 'UND_ERR_CONNECT_TIMEOUT' })),
      connectTimeoutMs,
    );
    try {
      return await pinnedCertificate(server, fingerprint, { cert: tls?.cert, key: tls?.key }, (socket) =>
        this.#making.add((making = socket)),
      );
    } finally {
      clearTimeout(timer);
      if (making) this.#making.delete(making);
    }
  }
}

function definedOf<T extends object>(options: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

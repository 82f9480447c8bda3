import { connect as connectTcp, isIP, type OnReadOpts, type Socket } from 'node:net';
import {
  checkServerIdentity,
  connect as connectTls,
  createSecureContext,
  type SecureContext,
} from 'node:tls';

import { Addresses, type Resolve } from './addresses.js';
import type { Target } from './job.js';
import { type Failure, failureOf, isAboutTheAddress } from './socket-failure.js';
import type { FailureKind } from './tally.js';

/** A connection that is being made. One of its two callbacks is called, once, unless it is cancelled. */
export interface Dialing {
  cancel(): void;
}

export interface DialerOptions {
  /** Of this thread among all. */
  readonly thread: number;
  readonly resolveEveryMs: number;
  readonly resolve?: Resolve;
}

/** What became of the connections to one address. */
export interface AddressCount {
  connections: number;
  /** It refused, or was not reachable. Another address of the name was tried. */
  failed: number;
}

/** Opens connections to a target: to its addresses in turn, and to the next one when one refuses. */
export class Dialer {
  readonly byAddress = new Map<string, AddressCount>();
  /** Why requests failed: of each kind the first one, in words. */
  readonly reasons = new Map<FailureKind, string>();
  readonly #target: Target;
  readonly #addresses: Addresses | undefined;
  readonly #secure: SecureContext | undefined;

  constructor(target: Target, { thread, resolveEveryMs, resolve }: DialerOptions) {
    const { host, socketPath, addresses, tls } = target;
    this.#target = target;
    if (socketPath === undefined)
      this.#addresses = new Addresses(host, {
        fixed: addresses,
        everyMs: resolveEveryMs,
        offset: thread,
        ...(resolve && { resolve }),
      });
    if (tls) {
      const { ca, cert, key } = tls;
      this.#secure = createSecureContext({ ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) });
    }
  }

  get lookups(): number {
    return this.#addresses?.lookups ?? 0;
  }

  /**
   * @param alpn the protocol that the server has to choose, with TLS
   * @param onread where what comes is read into
   * @param done is given a socket that is connected, with TLS
   */
  dial(
    alpn: string,
    onread: OnReadOpts | undefined,
    done: (socket: Socket) => void,
    failed: (failure: Failure) => void,
  ): Dialing {
    let socket: Socket | undefined;
    let cancelled = false;
    const attempt = (addresses: readonly (string | undefined)[]): void => {
      if (cancelled) return;
      const [address, ...others] = addresses;
      socket = this.#open(address, alpn, onread);
      const opened = socket;
      opened.setNoDelay(true);
      const fail = (error: unknown) => {
        release();
        opened.on('error', ignore).destroy();
        if (cancelled) return;
        const failure = failureOf(error, false);
        if (isAboutTheAddress(failure)) this.#count(address).failed++;
        if (isAboutTheAddress(failure) && others.length > 0) attempt(others);
        else failed(failure);
      };
      const closed = () => fail(Object.assign(new Error('closed'), { code: 'ECONNRESET' }));
      const connected = () => {
        release();
        this.#count(address).connections++;
        done(opened);
      };
      const event = this.#target.tls ? 'secureConnect' : 'connect';
      const release = () => void opened.off('error', fail).off('close', closed).off(event, connected);
      opened.on('error', fail).on('close', closed).on(event, connected);
    };
    const addresses = this.#addresses?.next() ?? [undefined];
    if ('then' in addresses)
      addresses.then(attempt, (error: unknown) => {
        if (!cancelled) failed(failureOf(error, false));
      });
    else attempt(addresses);
    return {
      cancel: () => {
        cancelled = true;
        socket?.on('error', ignore).destroy();
      },
    };
  }

  /** Keeps the reason of a failure. @returns its kind */
  explain({ kind, reason }: Failure): FailureKind {
    if (!this.reasons.has(kind)) this.reasons.set(kind, reason);
    return kind;
  }

  #count(address = this.#target.socketPath!): AddressCount {
    let count = this.byAddress.get(address);
    if (!count) this.byAddress.set(address, (count = { connections: 0, failed: 0 }));
    return count;
  }

  #open(address: string | undefined, alpn: string, onread: OnReadOpts | undefined): Socket {
    const { port, socketPath, tls } = this.#target;
    const where = address === undefined ? { path: socketPath! } : { host: address, port };
    const options = { ...where, ...(onread && { onread }) };
    if (!tls) return connectTcp(options);
    return connectTls({
      ...options,
      // An address is never sent as a name, but the certificate has to carry it.
      ...(isIP(tls.servername) ? {} : { servername: tls.servername }),
      checkServerIdentity: (_, certificate) => checkServerIdentity(tls.servername, certificate),
      rejectUnauthorized: tls.verify,
      ALPNProtocols: [alpn],
      secureContext: this.#secure!,
    });
  }
}

/** What a socket that was given up has to say is of no interest. */
const ignore = () => {};

import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import type { Random } from '../../../random.js';
import { isHonest, type Direction, type Fault, type Traffic } from './fault.js';

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  readonly passed: Record<Direction, number>;
  struck: boolean;
  silent: boolean;
}

/** Stands between clients and a server on a port, and lets everything pass but for the fault that it is armed with. */
export class FaultProxy {
  readonly #links = new Set<Link>();
  #traffic: Traffic = [];
  #fault: Fault | undefined;
  #random: Random = Math.random;
  #strikes = 0;
  #server = createServer((client) => this.#link(client));

  private constructor(private readonly upstream: number) {}

  static async start(upstream: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(upstream);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Since it was armed. */
  get traffic(): Traffic {
    return this.#traffic;
  }

  /** Connections on which the fault struck since it was armed. */
  get strikes(): number {
    return this.#strikes;
  }

  /** Breaks what is open, and begins again with that fault, or without one. */
  arm(fault: Fault | undefined, random: Random): void {
    for (const link of this.#links) this.#break(link);
    this.#traffic = [];
    this.#fault = fault;
    this.#random = random;
    this.#strikes = 0;
  }

  async stop(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const link of this.#links) this.#break(link);
    await closed;
  }

  #link(client: Socket): void {
    const server = connect(this.upstream, '127.0.0.1');
    const passed = { requests: 0, replies: 0 };
    const link: Link = { client, server, passed, struck: false, silent: false };
    this.#links.add(link);
    this.#traffic.push(passed);
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('error', () => this.#break(link));
      socket.on('close', () => this.#break(link));
    }
    // A connection that breaks ends both.
    this.#pump(link, 'requests').catch(() => this.#break(link));
    this.#pump(link, 'replies').catch(() => this.#break(link));
  }

  #break(link: Link): void {
    this.#links.delete(link);
    link.client.destroy();
    link.server.destroy();
  }

  async #pump(link: Link, direction: Direction): Promise<void> {
    const [from, to] = direction === 'requests' ? [link.client, link.server] : [link.server, link.client];
    let last: Buffer = Buffer.alloc(0);
    for await (const piece of from as AsyncIterable<Buffer>) {
      const before = link.passed[direction];
      link.passed[direction] += piece.length;
      const at = this.#strikesAt(link, direction, before, piece);
      if (at === undefined) await this.#pass(to, piece, link, direction);
      else {
        await this.#pass(to, piece.subarray(0, at), link, direction);
        if (await this.#strike(link, to, last.length > 0 ? last : piece))
          await this.#pass(to, piece.subarray(at), link, direction);
      }
      last = piece;
    }
    to.end();
  }

  /** Where in the piece the fault strikes. */
  #strikesAt(link: Link, direction: Direction, before: number, piece: Buffer): number | undefined {
    const fault = this.#fault;
    if (!fault || link.struck || fault.direction !== direction || this.#strikes >= fault.strikes)
      return undefined;
    if (fault.afterBytes >= before + piece.length) return undefined;
    const at = Math.max(0, fault.afterBytes - before);
    if (fault.kind !== 'extra') return at;
    // Between two replies: where a line ends, or else where the piece begins, as most do with a reply.
    const lineEnd = piece.lastIndexOf('\r\n', at);
    return lineEnd < 0 ? 0 : lineEnd + 2;
  }

  /** @returns whether the rest of the piece follows. */
  async #strike(link: Link, to: Socket, last: Buffer): Promise<boolean> {
    const fault = this.#fault!;
    link.struck = true;
    this.#strikes++;
    if (!isHonest(fault)) {
      await this.#write(to, fault.bytes === '' ? last : Buffer.from(fault.bytes, 'latin1'));
      return true;
    }
    switch (fault.kind) {
      case 'cut':
        // What the server was sent already it carries out.
        link.client.end();
        link.server.end();
        return false;
      case 'reset':
        link.client.resetAndDestroy();
        return false;
      case 'silence':
        link.silent = true;
        return true;
      default:
        return true;
    }
  }

  async #pass(to: Socket, bytes: Buffer, link: Link, direction: Direction): Promise<void> {
    if (bytes.length === 0 || (direction === 'replies' && link.silent)) return;
    const { kind, delayMs = 0 } = this.#fault ?? {};
    if (direction === 'requests' || (kind !== 'delay' && kind !== 'dribble')) return this.#write(to, bytes);
    if (kind === 'delay') {
      await delay(delayMs);
      return this.#write(to, bytes);
    }
    for (let at = 0; at < bytes.length;) {
      // The first bytes one by one: where a greeting or the head of a reply is torn.
      const length = at < 100 ? 1 : 1 + Math.floor(this.#random() * 3000);
      await this.#write(to, bytes.subarray(at, at + length));
      await new Promise(setImmediate);
      at += length;
    }
  }

  async #write(to: Socket, bytes: Buffer): Promise<void> {
    if (to.destroyed || to.writableEnded) return;
    if (!to.write(bytes)) await Promise.race([once(to, 'drain'), once(to, 'close')]);
  }
}

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';

/** All addresses of a name, as it is known now. @throws the resolver's error */
export type Resolve = (host: string) => Promise<readonly string[]>;

export interface AddressesOptions {
  /** Instead of what the name has. */
  readonly fixed?: readonly string[] | undefined;
  /** How old what the resolver said may become, in milliseconds. */
  readonly everyMs: number;
  /** Which one is the first: threads begin at different ones. */
  readonly offset: number;
  readonly resolve?: Resolve;
}

/**
 * The addresses of a host, in turn: as many connections to each. They are looked up again when a connection is opened and what
 * is known is older than the interval; an address that is gone is then not used again.
 */
export class Addresses {
  /** How often the resolver was asked. */
  lookups = 0;
  readonly #host: string;
  readonly #everyMs: number;
  readonly #resolve: Resolve;
  #next: number;
  #known: readonly string[];
  #expires: number;
  #looking: Promise<readonly string[]> | undefined;

  constructor(host: string, { fixed, everyMs, offset, resolve = systemResolver }: AddressesOptions) {
    this.#host = host;
    this.#everyMs = everyMs;
    this.#resolve = resolve;
    this.#next = offset;
    this.#known = fixed ?? (isIP(host) ? [host] : []);
    this.#expires = this.#known.length > 0 ? Infinity : 0;
  }

  /**
   * The addresses in the order in which a connection tries them: each call begins with the next one.
   * @throws the resolver's error when nothing was ever known; else what was known stays
   */
  next(): readonly string[] | Promise<readonly string[]> {
    if (performance.now() < this.#expires) return this.#inTurn();
    return this.#lookUp().then(() => this.#inTurn());
  }

  #inTurn(): readonly string[] {
    const known = this.#known;
    const first = this.#next++ % known.length;
    return known.length === 1 ? known : [...known.slice(first), ...known.slice(0, first)];
  }

  /** One look-up for all that wait for it. */
  #lookUp(): Promise<readonly string[]> {
    return (this.#looking ??= this.#ask().finally(() => (this.#looking = undefined)));
  }

  async #ask(): Promise<readonly string[]> {
    this.lookups++;
    try {
      // In one order, so that threads and look-ups agree on whose turn it is.
      this.#known = [...new Set(await this.#resolve(this.#host))].sort();
    } catch (error) {
      // A resolver that fails for a while is no reason to stop: its last word stands.
      if (this.#known.length === 0) throw error;
    }
    this.#expires = performance.now() + this.#everyMs;
    return this.#known;
  }
}

async function systemResolver(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}

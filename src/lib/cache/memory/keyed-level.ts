import { LRUCache } from 'lru-cache';

import type { ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import { fnv1a } from '../../core/fnv1a.js';
import type { Found, Lease, Lookup, KeyedWriteOutcome, KeyedLevel } from '../keyed-level.js';

/**
 * Bytes that an entry takes beside the characters of its key and value: the entry itself, its place in the table,
 * two string headers and their padding. Measured on V8 12 (Node 20 to 24); `memory-level.test.ts` measures again.
 */
export const entryOverheadBytes = 240;

const slots = 1 << 13;

/** Shorter than any TTL: a microsecond. */
const leastMs = 0.001;

/** What is stored: a copy of what was given, so that its shape is always the same. */
class Entry implements Found {
  constructor(
    readonly value: ByteString,
    readonly expiresAt: number | undefined,
    readonly costMs: number | undefined,
    readonly version: bigint | undefined,
  ) {}
}

/** Values in this process: the least recently used go first when the bytes are used up. */
export class MemoryLevel implements KeyedLevel {
  readonly type = 'memory';
  readonly name: string;
  readonly maxBytes: number;
  evictions = 0;
  readonly #clock: Clock;
  readonly #entries: LRUCache<ByteString, Entry>;
  /**
   * Counts the changes of all keys with the same hash, evicted ones too. Another key's change refuses a fill or a
   * write for nothing now and then, which costs a miss; remembering every key would cost memory without end.
   */
  readonly #changes = new Uint32Array(slots);

  constructor({ name, maxBytes, clock }: { name: string; maxBytes: number; clock: Clock }) {
    this.name = name;
    this.maxBytes = maxBytes;
    this.#clock = clock;
    this.#entries = new LRUCache({
      maxSize: maxBytes,
      perf: { now: () => clock.monotonic() },
      sizeCalculation: ({ value }, key) => key.length + value.length + entryOverheadBytes,
      dispose: (_value, _key, reason) => {
        if (reason === 'evict') this.evictions++;
      },
    });
  }

  /** Number of entries. */
  get size(): number {
    return this.#entries.size;
  }

  /** What all entries take now, overhead included. */
  get bytes(): number {
    return this.#entries.calculatedSize;
  }

  peek(key: ByteString): Found | undefined {
    return this.#entries.get(key);
  }

  lookup(key: ByteString): Promise<Lookup> {
    return Promise.resolve({ found: this.peek(key), lease: this.#leaseOf(key) });
  }

  lease(key: ByteString): Promise<Lease> {
    return Promise.resolve(this.#leaseOf(key));
  }

  fill(key: ByteString, found: Found, lease: Lease, replace = false): Promise<KeyedWriteOutcome> {
    if (this.#leaseOf(key) !== lease || (!replace && this.peek(key))) return Promise.resolve('refused');
    const known = this.#known(key)?.version;
    if (known !== undefined && found.version !== undefined && found.version < known)
      return Promise.resolve('refused');
    return Promise.resolve(this.#put(key, found, found.version));
  }

  set(key: ByteString, found: Found, version: bigint | undefined, lease?: Lease): Promise<KeyedWriteOutcome> {
    if (version === undefined) return Promise.resolve(this.#put(key, found, undefined));
    const entry = this.#known(key);
    if (entry?.version !== undefined) {
      if (version <= entry.version) return Promise.resolve('refused');
    } else if (lease === undefined ? entry !== undefined : lease !== this.#leaseOf(key)) {
      // The entry, or one that was evicted since, may be of a newer write.
      this.#forget(key);
      return Promise.resolve('refused');
    }
    return Promise.resolve(this.#put(key, found, version));
  }

  remove(key: ByteString, version: bigint | undefined): Promise<boolean> {
    const known = this.#known(key)?.version;
    if (version !== undefined && known !== undefined && known > version) return Promise.resolve(false);
    this.#forget(key);
    return Promise.resolve(true);
  }

  /** Evicts the least recently used entry. */
  evict(): void {
    this.#entries.pop();
  }

  close(): Promise<void> {
    this.#entries.clear();
    return Promise.resolve();
  }

  #put(key: ByteString, { value, expiresAt, costMs }: Found, version: bigint | undefined): KeyedWriteOutcome {
    this.#changes[slotOf(key)]!++;
    // One that is larger than the whole level removes what was there.
    this.#entries.set(key, new Entry(value, expiresAt, costMs, version), this.#lifetime(expiresAt));
    return this.#entries.has(key) ? 'stored' : 'unfit';
  }

  #forget(key: ByteString): void {
    this.#entries.delete(key);
    this.#changes[slotOf(key)]!++;
  }

  #leaseOf(key: ByteString): Lease {
    return String(this.#changes[slotOf(key)]) as Lease;
  }

  /** An entry that has expired still tells its version. */
  #known(key: ByteString): Entry | undefined {
    return this.#entries.peek(key, { allowStale: true });
  }

  /** As lru-cache has it: no TTL is 0, and the last instant still counts. It keeps both outside of the entry, where a hit reads them sooner. */
  #lifetime(expiresAt: number | undefined): { readonly ttl: number; readonly start: number } {
    const start = this.#clock.monotonic();
    if (expiresAt === undefined) return { ttl: 0, start };
    return { ttl: expiresAt > start ? expiresAt - start - leastMs : -leastMs, start };
  }
}

function slotOf(key: ByteString): number {
  const hash = fnv1a(key);
  return (hash ^ (hash >>> 15)) & (slots - 1);
}

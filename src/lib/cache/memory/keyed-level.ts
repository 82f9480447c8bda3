import type { ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import { Recency } from './recency.js';
import type { Found, Lease, Lookup, KeyedWriteOutcome, KeyedLevel } from '../keyed-level.js';

/**
 * Bytes that an entry takes beside the characters of its key and value: the entry itself, its place in the table,
 * two string headers and their padding. Measured on V8 12 (Node 20 to 24); `memory-level.test.ts` measures again.
 */
export const entryOverheadBytes = 240;

const slots = 1 << 13;

class Entry implements Found {
  place = 0;
  constructor(
    readonly key: ByteString,
    readonly value: ByteString,
    readonly expiresAt: number | undefined,
    readonly costMs: number | undefined,
    readonly version: bigint | undefined,
  ) {}

  get bytes(): number {
    return this.key.length + this.value.length + entryOverheadBytes;
  }
}

/** Values in this process: the least recently used go first when the bytes are used up. */
export class MemoryLevel implements KeyedLevel {
  readonly type = 'memory';
  readonly name: string;
  readonly maxBytes: number;
  /** What all entries take now, overhead included. */
  bytes = 0;
  evictions = 0;
  private readonly clock: Clock;
  private readonly entries = new Map<ByteString, Entry>();
  private readonly recency = new Recency();
  private readonly byPlace: (Entry | undefined)[] = [];
  /** The time, looked at once a millisecond; 0 when it has to be looked at. */
  private time = 0;
  /**
   * Counts the changes of all keys with the same hash, evicted ones too. Another key's change refuses a fill or a
   * write for nothing now and then, which costs a miss; remembering every key would cost memory without end.
   */
  private readonly changes = new Uint32Array(slots);

  constructor({ name, maxBytes, clock }: { name: string; maxBytes: number; clock: Clock }) {
    this.name = name;
    this.maxBytes = maxBytes;
    this.clock = clock;
  }

  /** Number of entries. */
  get size(): number {
    return this.entries.size;
  }

  peek(key: ByteString): Found | undefined {
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.expiresAt !== undefined && entry.expiresAt <= (this.time || this.now())) {
      this.drop(entry);
      return undefined;
    }
    this.recency.touch(entry.place);
    return entry;
  }

  lookup(key: ByteString): Promise<Lookup> {
    return Promise.resolve({ found: this.peek(key), lease: this.leaseOf(key) });
  }

  lease(key: ByteString): Promise<Lease> {
    return Promise.resolve(this.leaseOf(key));
  }

  fill(key: ByteString, found: Found, lease: Lease, replace = false): Promise<KeyedWriteOutcome> {
    if (this.leaseOf(key) !== lease || (!replace && this.peek(key))) return Promise.resolve('refused');
    return Promise.resolve(this.put(key, found, found.version));
  }

  set(key: ByteString, found: Found, version: bigint | undefined, lease?: Lease): Promise<KeyedWriteOutcome> {
    if (version === undefined) return Promise.resolve(this.put(key, found, undefined));
    const entry = this.entries.get(key);
    if (entry?.version !== undefined) {
      if (version <= entry.version) return Promise.resolve('refused');
    } else if (lease === undefined ? entry !== undefined : lease !== this.leaseOf(key)) {
      // The entry, or one that was evicted since, may be of a newer write.
      this.forget(key);
      return Promise.resolve('refused');
    }
    return Promise.resolve(this.put(key, found, version));
  }

  remove(key: ByteString, version: bigint | undefined): Promise<boolean> {
    const known = this.entries.get(key)?.version;
    if (version !== undefined && known !== undefined && known > version) return Promise.resolve(false);
    this.forget(key);
    return Promise.resolve(true);
  }

  /** Evicts the least recently used entry. @returns its key. */
  evict(): ByteString | undefined {
    const entry = this.byPlace[this.recency.oldest];
    if (entry === undefined) return undefined;
    this.drop(entry);
    this.evictions++;
    return entry.key;
  }

  close(): Promise<void> {
    this.entries.clear();
    this.recency.clear();
    this.byPlace.length = 0;
    this.bytes = 0;
    return Promise.resolve();
  }

  private put(key: ByteString, found: Found, version: bigint | undefined): KeyedWriteOutcome {
    this.forget(key);
    const entry = new Entry(key, found.value, found.expiresAt, found.costMs, version);
    if (entry.bytes > this.maxBytes) return 'unfit';
    this.bytes += entry.bytes;
    while (this.bytes > this.maxBytes) this.evict();
    this.entries.set(key, entry);
    entry.place = this.recency.add();
    this.byPlace[entry.place] = entry;
    return 'stored';
  }

  private forget(key: ByteString): void {
    const entry = this.entries.get(key);
    if (entry) this.drop(entry);
    this.changes[slotOf(key)]!++;
  }

  private leaseOf(key: ByteString): Lease {
    return String(this.changes[slotOf(key)]);
  }

  private drop(entry: Entry): void {
    this.entries.delete(entry.key);
    this.recency.remove(entry.place);
    this.byPlace[entry.place] = undefined;
    this.bytes -= entry.bytes;
  }

  private now(): number {
    this.time = this.clock.monotonic();
    setTimeout(() => (this.time = 0), 1).unref();
    return this.time;
  }
}

/** FNV-1a. */
function slotOf(key: ByteString): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) & (slots - 1);
}

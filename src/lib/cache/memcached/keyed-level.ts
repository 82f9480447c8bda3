import { parseAddress } from '../../clients/memcached/address.js';
import { expiryOf, keyProblem } from '../../clients/memcached/commands.js';
import { MemcachedConnection } from '../../clients/memcached/connection.js';
import { type Exchange, LineExchange } from '../../clients/memcached/exchange.js';
import { type Item, ItemsExchange, StoreExchange } from '../../clients/memcached/items.js';
import { createRing, type Ring } from '../../clients/memcached/ketama.js';
import type { MemcachedSettings, Timeouts } from '../../clients/settings.js';
import type { ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import { ServiceUnavailable } from '../../core/errors.js';
import {
  type Found,
  type Lease,
  type Lookup,
  type KeyedWriteOutcome,
  type KeyedLevel,
  versionsOutliveMs,
  noRecord,
} from '../keyed-level.js';
import { type Decide, fillUnder, removeAt, setTo } from '../versions/decisions.js';
import {
  formatRecord,
  memcachedRecordName,
  noTimes,
  parseRecord,
  recordTimes,
  ttlOf,
  type VersionRecord,
  withRecord,
} from '../versions/record.js';

/** Numbers a value can be marked with: the flags' upper half, which clients leave to the application. */
const marks = 0xffff;
const attempts = 16;

/**
 * Memcached: plain values, and each key's version in a record beside it that changes by compare-and-swap.
 *
 * Memcached changes one item at a time, so a value can be overwritten by a writer that lost, after the winner wrote
 * its own. Therefore a value is marked, in the upper 16 bits of its flags, with the count of the record it belongs
 * to, and one with another mark is nothing: readers load again. Values without a mark are of other clients and count
 * as they stand. A mark comes again after 65,535 changes of its key.
 */
export class MemcachedKeyedLevel implements KeyedLevel {
  readonly type = 'memcached';

  private constructor(
    readonly name: string,
    private readonly connections: readonly MemcachedConnection[],
    private readonly ring: Ring,
    private readonly clock: Clock,
  ) {}

  /** Connects to every server. @throws ServiceUnavailable, ServiceRefused. */
  static async open(
    {
      name,
      settings,
      timeouts,
      clock,
    }: { name: string; settings: MemcachedSettings; timeouts: Timeouts; clock: Clock },
    signal: AbortSignal,
  ): Promise<MemcachedKeyedLevel> {
    const addresses = settings.servers.map(parseAddress);
    const opening = addresses.map((address) => MemcachedConnection.open(address, timeouts, clock, signal));
    const connections: MemcachedConnection[] = [];
    const outcomes = await Promise.allSettled(opening);
    for (const outcome of outcomes) if (outcome.status === 'fulfilled') connections.push(outcome.value);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed) {
      for (const connection of connections) connection.close();
      throw failed.reason;
    }
    return new MemcachedKeyedLevel(name, connections, createRing(addresses, settings.hashing), clock);
  }

  async lookup(key: ByteString): Promise<Lookup> {
    if (keyProblem(key) !== undefined) return { found: undefined, lease: noRecord };
    const name = memcachedRecordName(key);
    const items = await this.send(key, new ItemsExchange([key, name]));
    const record = items.get(name)?.value;
    const item = items.get(key);
    const found = item && isValid(item, record) ? withRecord(item.value, record, this.clock) : undefined;
    return { found, lease: record ?? noRecord };
  }

  async lease(key: ByteString): Promise<Lease> {
    return keyProblem(key) === undefined ? ((await this.record(key))?.value ?? noRecord) : noRecord;
  }

  async fill(key: ByteString, found: Found, lease: Lease): Promise<KeyedWriteOutcome> {
    return this.change(key, found, fillUnder(lease, found.version));
  }

  async set(
    key: ByteString,
    found: Found,
    version: bigint | undefined,
    lease?: Lease,
  ): Promise<KeyedWriteOutcome> {
    return this.change(key, found, setTo(version, lease));
  }

  async remove(key: ByteString, version: bigint | undefined): Promise<boolean> {
    const outcome = await this.change(key, undefined, removeAt(version));
    return outcome !== 'refused';
  }

  close(): Promise<void> {
    for (const connection of this.connections) connection.close();
    return Promise.resolve();
  }

  /**
   * Changes the record first, which decides who wins, and then the value. Without `found`, or where the new record
   * says so, the value is removed.
   */
  private async change(
    key: ByteString,
    found: Found | undefined,
    decide: Decide,
  ): Promise<KeyedWriteOutcome> {
    if (keyProblem(key) !== undefined) return 'unfit';
    for (let attempt = 0; attempt < attempts; attempt++) {
      const item = await this.record(key);
      const text = item?.value ?? noRecord;
      // A record that was evicted starts again anywhere, so that values of its former life are unlikely to fit it.
      const start = { version: 0n, count: Math.floor(Math.random() * marks), known: true };
      const decision = decide(text, text === '' ? start : parseRecord(text));
      if (decision === 'refused') return 'refused';
      const content = decision.drop ? undefined : found;
      const next = { ...decision, count: (decision.count % marks) + 1 };
      if (!(await this.note(key, item, next, content))) continue;
      if (content) return this.write(key, content, next.count);
      await this.send(key, new LineExchange(`delete ${key}`));
      return found ? 'refused' : 'stored';
    }
    throw new ServiceUnavailable(`'${key}' changes all the time in memcached`, { code: 'CONTENTION' });
  }

  private async record(key: ByteString): Promise<Item | undefined> {
    const name = memcachedRecordName(key);
    return (await this.send(key, new ItemsExchange([name]))).get(name);
  }

  /** @returns false when somebody else changed the record. */
  private async note(
    key: ByteString,
    before: Item | undefined,
    next: VersionRecord,
    content: Found | undefined,
  ): Promise<boolean> {
    const endless = content !== undefined && content.expiresAt === undefined;
    const ttlMs = content?.expiresAt === undefined ? 0 : ttlOf(content.expiresAt, this.clock);
    const line = await this.send(
      key,
      new StoreExchange(before ? 'cas' : 'add', {
        key: memcachedRecordName(key),
        value: formatRecord(next, content ? recordTimes(content, this.clock) : noTimes),
        flags: 0,
        expiry: endless ? 0 : this.expiry(key, ttlMs + versionsOutliveMs),
        cas: before?.cas,
      }),
    );
    if (line === 'STORED') return true;
    if (line === 'EXISTS' || line === 'NOT_FOUND' || line === 'NOT_STORED') return false;
    throw this.refused(key, line);
  }

  private async write(key: ByteString, found: Found, mark: number): Promise<KeyedWriteOutcome> {
    const expiry = found.expiresAt === undefined ? 0 : this.expiry(key, ttlOf(found.expiresAt, this.clock));
    const item = { key, value: found.value, flags: mark * 0x10000, expiry };
    const line = await this.send(key, new StoreExchange('set', item));
    if (line === 'STORED') return 'stored';
    if (line.includes('too large')) return 'unfit';
    throw this.refused(key, line);
  }

  private expiry(key: ByteString, ttlMs: number): number {
    return expiryOf(ttlMs, () => this.connection(key).serverNow());
  }

  private connection(key: ByteString): MemcachedConnection {
    return this.connections[this.ring(key)]!;
  }

  private send<T>(key: ByteString, exchange: Exchange & { answer: Promise<T> }): Promise<T> {
    return this.connection(key).request(exchange);
  }

  private refused(key: ByteString, line: string): ServiceUnavailable {
    return new ServiceUnavailable(`memcached at ${this.connection(key).address.label} answered: ${line}`);
  }
}

function isValid({ flags }: Item, record: ByteString | undefined): boolean {
  const mark = flags >>> 16;
  return mark === 0 || (record !== undefined && parseRecord(record).count === mark);
}

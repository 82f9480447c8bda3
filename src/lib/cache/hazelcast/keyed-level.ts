import { createHash } from 'node:crypto';

import { type Cluster, HazelcastConnection } from '../../clients/hazelcast/connection.js';
import { entryDetails, storedTtl } from '../../clients/hazelcast/entry.js';
import { type Stored, toStored, valueBytes } from '../../clients/hazelcast/strings.js';
import type { HazelcastSettings, Timeouts } from '../../clients/settings.js';
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
  noTimes,
  parseRecord,
  recordTimes,
  ttlOf,
  type VersionRecord,
  withRecord,
} from '../versions/record.js';

const attempts = 16;
/** A process that was frozen between its two writes for this long must not do the second. */
const longestBetweenMs = versionsOutliveMs / 2;

/**
 * Hazelcast: plain values, and each key's version in a record in a second map, `NAME:versions`, that changes by
 * compare-and-replace.
 *
 * Hazelcast changes one entry at a time, so a value can be overwritten by a writer that lost, after the winner wrote
 * its own. Therefore the record ends with a digest of its value, and a value with another digest is nothing: readers
 * load again. A value without a record is of other clients, and counts as it stands.
 */
export class HazelcastKeyedLevel implements KeyedLevel {
  readonly type = 'hazelcast';
  /** Repeats of work end with `close`, not with a command. */
  private readonly closing = new AbortController();

  constructor(
    readonly name: string,
    private readonly connection: Pick<HazelcastConnection, 'run' | 'close'>,
    private readonly clock: Clock,
  ) {}

  /** Connects to the cluster. @throws ServiceUnavailable, ServiceRefused. */
  static async open(
    {
      name,
      settings,
      timeouts,
      clock,
    }: { name: string; settings: HazelcastSettings; timeouts: Timeouts; clock: Clock },
    signal: AbortSignal,
  ): Promise<HazelcastKeyedLevel> {
    return new HazelcastKeyedLevel(
      name,
      await HazelcastConnection.open(settings, timeouts, clock, signal),
      clock,
    );
  }

  lookup(key: ByteString): Promise<Lookup> {
    const stored = toStored(key);
    return this.run(async (cluster) => {
      const { value, record } = await both(cluster, stored);
      const lease = record ?? noRecord;
      if (value === undefined) return { found: undefined, lease };
      if (record !== undefined) return { found: withRecord(value, record, this.clock), lease };
      // Only other clients' values have an end that no record tells.
      const expiresAt = (await entryDetails(cluster, stored))?.expiresAt;
      const rest = expiresAt === undefined ? undefined : Math.max(0, expiresAt - this.clock.now());
      return {
        found: { value, ...(rest === undefined ? {} : { expiresAt: this.clock.monotonic() + rest }) },
        lease,
      };
    });
  }

  async lease(key: ByteString): Promise<Lease> {
    return (
      (await this.run(({ versions }) => versions.get(toStored(key)) as Promise<Lease | null>)) ?? noRecord
    );
  }

  async fill(key: ByteString, found: Found, lease: Lease, replace = false): Promise<KeyedWriteOutcome> {
    if (!replace) {
      const { value } = await this.run((cluster) => both(cluster, toStored(key)));
      if (value !== undefined) return 'refused';
    }
    return this.change(key, found, fillUnder(lease, found.version));
  }

  set(key: ByteString, found: Found, version: bigint | undefined, lease?: Lease): Promise<KeyedWriteOutcome> {
    return this.change(key, found, setTo(version, lease));
  }

  async remove(key: ByteString, version: bigint | undefined): Promise<boolean> {
    const outcome = await this.change(key, undefined, removeAt(version));
    return outcome !== 'refused';
  }

  async close(): Promise<void> {
    this.closing.abort(new Error('the level is closed'));
    await this.connection.close();
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
    const stored = toStored(key);
    for (let attempt = 0; attempt < attempts; attempt++) {
      const text = ((await this.run(({ versions }) => versions.get(stored))) as string | null) ?? noRecord;
      // A record that was lost starts again anywhere, so that leases of its former life are unlikely to fit it.
      const start = { version: 0n, count: Math.floor(Math.random() * 2 ** 31), known: true };
      const decision = decide(text, text === '' ? start : parseRecord(text as ByteString));
      if (decision === 'refused') return 'refused';
      const content = decision.drop ? undefined : found;
      const next = { ...decision, count: decision.count + 1 };
      const since = this.clock.monotonic();
      if (!(await this.note(stored, text, next, content))) continue;
      await this.run(async ({ map }) => {
        if (this.clock.monotonic() - since > longestBetweenMs)
          throw new ServiceUnavailable(`this process stood still while it wrote '${key}'`, {
            code: 'STALLED',
          });
        if (content === undefined) await map.evict(stored);
        else await map.set(stored, toStored(content.value), this.ttl(content));
      });
      return found && !content ? 'refused' : 'stored';
    }
    throw new ServiceUnavailable(`'${key}' changes all the time in Hazelcast`, { code: 'CONTENTION' });
  }

  /** @returns false when somebody else changed the record. */
  private note(
    key: Stored,
    before: string,
    record: VersionRecord,
    content: Found | undefined,
  ): Promise<boolean> {
    const times = content ? recordTimes(content, this.clock) : noTimes;
    const after = `${formatRecord(record, times)} ${content ? digest(content.value) : '-'}`;
    const endless = content !== undefined && content.expiresAt === undefined;
    const ttl = endless ? 0 : storedTtl((content ? this.ttl(content) : 0) + versionsOutliveMs);
    return this.run(async ({ versions }) => {
      if (before === '') {
        const there = (await versions.putIfAbsent(key, after, ttl)) as string | null;
        return there === null || there === after;
      }
      // What is repeated after a lost connection may have been done already.
      if (!(await versions.replaceIfSame(key, before, after)) && (await versions.get(key)) !== after)
        return false;
      // A replaced entry has no end until it is given one.
      if (!endless) await versions.setTtl(key, ttl);
      return true;
    });
  }

  private ttl({ expiresAt }: Found): number {
    return expiresAt === undefined ? 0 : storedTtl(ttlOf(expiresAt, this.clock));
  }

  private run<T>(work: (cluster: Cluster) => Promise<T>): Promise<T> {
    return this.connection.run(work, this.closing.signal);
  }
}

/** The record, and the value where it is the record's. */
async function both(
  { map, versions }: Cluster,
  key: Stored,
): Promise<{ value?: ByteString; record?: ByteString }> {
  const [stored, record] = (await Promise.all([map.get(key), versions.get(key)])) as [
    unknown,
    ByteString | null,
  ];
  const value = stored === null ? undefined : valueBytes(stored);
  if (record === null) return value === undefined ? {} : { value };
  return value === undefined || record.slice(record.lastIndexOf(' ') + 1) !== digest(value)
    ? { record }
    : { value, record };
}

function digest(value: ByteString): string {
  return createHash('sha256').update(value, 'latin1').digest('base64url').slice(0, 22);
}

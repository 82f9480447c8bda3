import type { RedisClient } from '../../clients/redis/client.js';
import type { CommandPart } from '../../clients/redis/resp.js';
import type { Script } from '../../clients/redis/script.js';
import type { ByteString } from '../../core/bytes.js';
import { systemClock, type Clock } from '../../core/clock.js';
import { ServiceUnavailable } from '../../core/errors.js';
import {
  type Found,
  type Lease,
  type Lookup,
  type KeyedWriteOutcome,
  type KeyedLevel,
  noRecord,
} from '../keyed-level.js';
import { recordTimes, RecordNames, ttlOf, withRecord } from '../versions/record.js';
import { fillScript, removeScript, setScript } from './scripts.js';

/** Redis, single or cluster: plain values, and each key's version in a record beside it, changed by scripts as one. */
export class RedisKeyedLevel implements KeyedLevel {
  readonly type = 'redis';
  private readonly names = new RecordNames();

  constructor(
    readonly name: string,
    readonly client: RedisClient,
    private readonly clock: Clock = systemClock,
    /** Ends what still waits when the level is closed. */
    private readonly stopping?: AbortController,
  ) {}

  lookup(key: ByteString): Promise<Lookup> {
    return this.client.call(['MGET', key, this.names.of(key)]).then((reply) => {
      const [value, record] = reply as (ByteString | null)[];
      const found = typeof value === 'string' ? withRecord(value, record, this.clock) : undefined;
      return { found, lease: record ?? noRecord };
    });
  }

  async lease(key: ByteString): Promise<Lease> {
    return ((await this.client.call(['GET', this.names.of(key)])) as ByteString | null) ?? noRecord;
  }

  async fill(key: ByteString, found: Found, lease: Lease, replace = false): Promise<KeyedWriteOutcome> {
    const version = found.version === undefined ? '' : (`${found.version}` as const);
    const done = await this.run(fillScript, key, [
      ...this.content(found),
      lease,
      replace ? '1' : '0',
      version,
    ]);
    return done ? 'stored' : 'refused';
  }

  async set(
    key: ByteString,
    found: Found,
    version: bigint | undefined,
    lease?: Lease,
  ): Promise<KeyedWriteOutcome> {
    const guards: CommandPart[] = [
      version === undefined ? '' : (`${version}` as const),
      lease ?? noRecord,
      lease === undefined ? '0' : '1',
    ];
    return (await this.run(setScript, key, [...this.content(found), ...guards])) ? 'stored' : 'refused';
  }

  remove(key: ByteString, version: bigint | undefined): Promise<boolean> {
    return this.run(removeScript, key, [version === undefined ? '' : (`${version}` as const)]);
  }

  close(): Promise<void> {
    this.stopping?.abort(new ServiceUnavailable('the cache is closed', { code: 'CLOSED' }));
    this.client.close();
    return Promise.resolve();
  }

  private content(found: Found): CommandPart[] {
    const ttl = found.expiresAt === undefined ? 0 : ttlOf(found.expiresAt, this.clock);
    return [found.value, `${ttl}`, recordTimes(found, this.clock)];
  }

  private async run(script: Script, key: ByteString, args: CommandPart[]): Promise<boolean> {
    return (await script.run(this.client, [key, this.names.of(key)], args)) === 1;
  }
}

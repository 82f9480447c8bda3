import { createHash } from 'node:crypto';

import { slotOf } from '../../clients/redis/slots.js';
import type { ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import type { Found } from '../keyed-level.js';

/*
 * What a shared level knows about a key stands in an item of its own beside the value, so that the value stays what
 * it is for every other client: `VERSION COUNT KNOWN EXPIRES TTL COST`, separated by spaces. Every change of the
 * key through metrify counts up, so the text as a whole serves as lease.
 */
export interface VersionRecord {
  /** The highest version that the key was written or removed with. */
  version: bigint;
  count: number;
  /** Whether the value is the one of that version. */
  known: boolean;
}

export function parseRecord(text: ByteString): VersionRecord {
  const [version, count, known] = text.split(' ', 3);
  return { version: BigInt(version!), count: Number(count), known: known === '1' };
}

export function formatRecord({ version, count, known }: VersionRecord, times: ByteString): ByteString {
  return `${version} ${count} ${known ? 1 : 0} ${times}` as ByteString;
}

export const noTimes = '0 0 0' as ByteString;

/** When the value ends (Unix time, ms), its time to live when it was written, and its cost; 0 for none. */
export function recordTimes({ expiresAt, costMs = 0 }: Found, clock: Clock): ByteString {
  const cost = Math.ceil(costMs);
  if (expiresAt === undefined) return `0 0 ${cost}` as ByteString;
  const ttlMs = ttlOf(expiresAt, clock);
  return `${Math.round(clock.now()) + ttlMs} ${ttlMs} ${cost}` as ByteString;
}

/**
 * A value with the end that its record tells. The writer's clock and ours may differ, and both may jump; the rest is
 * never more than the time to live was, and where it seems to be over although the value is there, it is zero. Most
 * readers ask for the value alone, so the record is read when it is asked for.
 */
class RecordedValue implements Found {
  private times: { expiresAt: number | undefined; costMs: number | undefined } | undefined;

  constructor(
    readonly value: ByteString,
    private readonly record: ByteString | null | undefined,
    private readonly clock: Clock,
  ) {}

  get expiresAt(): number | undefined {
    return this.read().expiresAt;
  }

  get costMs(): number | undefined {
    return this.read().costMs;
  }

  private read(): { expiresAt: number | undefined; costMs: number | undefined } {
    if (this.times) return this.times;
    const [, , , expires, ttl, cost] = (this.record ?? '').split(' ');
    const ttlMs = Number(ttl ?? 0);
    const rest = Math.min(Math.max(0, Number(expires) - this.clock.now()), ttlMs);
    this.times = {
      expiresAt: ttlMs > 0 ? this.clock.monotonic() + rest : undefined,
      costMs: Number(cost ?? 0) || undefined,
    };
    return this.times;
  }
}

export function withRecord(value: ByteString, record: ByteString | null | undefined, clock: Clock): Found {
  return new RecordedValue(value, record, clock);
}

/** Whole milliseconds until then, at least 1: 0 would mean without an end. */
export function ttlOf(expiresAt: number, clock: Clock): number {
  return Math.max(1, Math.ceil(expiresAt - clock.monotonic()));
}

/** Where Redis keeps a key's record: in the key's own slot, whatever hash tag the key has. */
export class RecordNames {
  private readonly tags = new Map<number, string>();

  of(key: ByteString): ByteString {
    const open = key.indexOf('{');
    if (open < 0 && !key.includes('}') && key !== '') return `metrify:v:{${key}}` as ByteString;
    const close = open < 0 ? -1 : key.indexOf('}', open + 1);
    const tag = close > open + 1 ? key.slice(open + 1, close) : this.tagOf(slotOf(key));
    return `metrify:v:{${tag}}${key}` as ByteString;
  }

  /** A number that hashes to the slot, for keys that cannot be a hash tag themselves (`a}b`). */
  private tagOf(slot: number): string {
    let tag = this.tags.get(slot);
    if (tag === undefined) {
      let number = 0;
      while (slotOf(`${number}` as ByteString) !== slot) number++;
      this.tags.set(slot, (tag = String(number)));
    }
    return tag;
  }
}

const longestMemcachedKey = 250;

/** Where Memcached keeps it: on the key's own server. */
export function memcachedRecordName(key: ByteString): ByteString {
  const name = `metrify:v:${key}` as ByteString;
  if (name.length <= longestMemcachedKey) return name;
  return `metrify:v:sha256:${createHash('sha256').update(key, 'latin1').digest('hex')}` as ByteString;
}

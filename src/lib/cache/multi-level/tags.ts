import { randomBytes } from 'node:crypto';

import { fromBytes, toBytes, type ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import type { Found } from '../keyed-level.js';
import type { GuardedLevel } from './guarded-level.js';

const start = 'metrify:tags ';
const lifeMs = 30 * 86_400_000;
/** How long a hit inside the process trusts what a tag was. */
const trustMs = 1000;

/** A value that is cached with tags, and what each tag's stamp was before it was loaded. */
export interface Tagged {
  tags: Record<string, string>;
  value: ByteString;
}

/**
 * A tag has a stamp, kept in the home level as `metrify:tag:NAME`; an entry holds the stamps of its tags, and is
 * valid for as long as they are the same. So a tag is invalidated by one write, however many entries have it. Stamps
 * are random: one that was evicted or lost never comes back, and its entries with it.
 */
export class Tags {
  private readonly remembered = new Map<string, { stamp: string; until: number }>();

  constructor(
    private readonly home: GuardedLevel,
    private readonly clock: Clock,
  ) {}

  /** The tags' stamps now; those that have none get one. @throws ServiceUnavailable */
  async stamps(tags: readonly string[]): Promise<Record<string, string>> {
    const stamps = await Promise.all(tags.map(async (tag) => [tag, await this.stampOf(tag)] as const));
    return Object.fromEntries(stamps);
  }

  /** @throws ServiceUnavailable */
  async invalidate(tag: string): Promise<void> {
    const stamp = newStamp();
    this.remembered.delete(tag);
    await this.home.set(keyOf(tag), this.found(stamp), undefined);
    this.remember(tag, stamp);
  }

  /** Whether none of the tags was invalidated. A home that cannot be asked makes the entry invalid. */
  async valid({ tags }: Tagged): Promise<boolean> {
    try {
      const checks = Object.entries(tags).map(async ([tag, stamp]) => (await this.current(tag)) === stamp);
      return (await Promise.all(checks)).every(Boolean);
    } catch {
      return false;
    }
  }

  /** The same by what is remembered; undefined when that is too old. */
  validAtOnce({ tags }: Tagged): boolean | undefined {
    const now = this.clock.monotonic();
    for (const tag in tags) {
      const known = this.remembered.get(tag);
      if (!known || known.until <= now) return undefined;
      if (known.stamp !== tags[tag]) return false;
    }
    return true;
  }

  private async current(tag: string): Promise<string | undefined> {
    const { found } = await this.home.lookup(keyOf(tag));
    if (found) this.remember(tag, found.value);
    return found?.value;
  }

  private async stampOf(tag: string): Promise<string> {
    for (let attempt = 0; ; attempt++) {
      const { found, lease } = await this.home.lookup(keyOf(tag));
      const stamp = found?.value ?? newStamp();
      if (
        found ||
        attempt === 5 ||
        (await this.home.fill(keyOf(tag), this.found(stamp), lease, false)) === 'stored'
      ) {
        this.remember(tag, stamp);
        return stamp;
      }
    }
  }

  private found(stamp: ByteString): Found {
    return { value: stamp, expiresAt: this.clock.monotonic() + lifeMs };
  }

  private remember(tag: string, stamp: string): void {
    this.remembered.delete(tag);
    this.remembered.set(tag, { stamp, until: this.clock.monotonic() + trustMs });
    if (this.remembered.size > 10_000) this.remembered.delete(this.remembered.keys().next().value!);
  }
}

/** Only values with tags are wrapped, and those that look as if they were. */
export function wrapTags(value: ByteString, tags: Record<string, string> | undefined): ByteString {
  if (tags === undefined && !value.startsWith(start)) return value;
  return `${start}${toBytes(JSON.stringify(tags ?? {}))}\n${value}` as ByteString;
}

export function unwrapTags(bytes: ByteString): Tagged | undefined {
  if (!bytes.startsWith(start)) return undefined;
  const end = bytes.indexOf('\n');
  try {
    const tags = JSON.parse(fromBytes(bytes.slice(start.length, end))) as Record<string, string>;
    return { tags, value: bytes.slice(end + 1) };
  } catch {
    return undefined;
  }
}

function keyOf(tag: string): ByteString {
  return `metrify:tag:${toBytes(tag)}` as ByteString;
}

function newStamp(): ByteString {
  return randomBytes(9).toString('base64url') as ByteString;
}

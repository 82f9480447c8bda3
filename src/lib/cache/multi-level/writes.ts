import { fromBytes, type ByteString } from '../../core/bytes.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { noLease, type Found, type Lease } from '../keyed-level.js';
import type { GuardedLevel } from './guarded-level.js';

/** The state of a key in each level before a write, which the levels judge later by. */
export type WriteLeases = ReadonlyMap<string, Lease>;

export async function leasesOf(key: ByteString, levels: readonly GuardedLevel[]): Promise<WriteLeases> {
  const leases = levels.map(
    async (level) => [level.name, await level.lease(key).catch(() => noLease)] as const,
  );
  return new Map(await Promise.all(leases));
}

export interface Write {
  key: ByteString;
  /** Undefined removes the key. */
  found: Found | undefined;
  /** Undefined: the write that comes last wins. */
  version?: bigint | undefined;
  leases?: WriteLeases | undefined;
}

/**
 * Writes to the levels from the last to the first, so that whatever is evicted uncovers nothing older. A level that
 * fails gets the key removed; one that refuses knows of something newer, and the levels above forget theirs.
 * @returns the names of levels that may still hold an older value, because removing failed as well.
 */
export async function writeLevels(
  { key, found, version, leases }: Write,
  levels: readonly GuardedLevel[],
): Promise<string[]> {
  const stale: string[] = [];
  let content = found;
  for (const level of levels.toReversed()) {
    try {
      if (content === undefined) await level.remove(key, version);
      else if ((await level.set(key, content, version, leases?.get(level.name))) === 'refused')
        content = undefined;
    } catch {
      try {
        await level.remove(key, version);
      } catch {
        level.suspect(key, 'write');
        stale.push(level.name);
      }
    }
  }
  return stale;
}

export function cacheStale(key: ByteString, stale: string[], what: string): ServiceUnavailable {
  const names = stale.map((name) => `'${name}'`).join(', ');
  return new ServiceUnavailable(
    `${what} cache level ${names} may hold an older value of '${fromBytes(key)}'`,
    {
      code: 'CACHE_STALE',
      hint: 'It is removed when the level is back; other processes may read it until then, or until its time is over.',
    },
  );
}

import type { ByteString } from '../core/bytes.js';
import type { LevelType } from './settings.js';

/** What a reader found in a level, or a writer puts there. */
export interface Found {
  value: ByteString;
  /** When it is over, in milliseconds of the process's monotonic clock (it never jumps); undefined: no end is known. */
  expiresAt?: number | undefined;
  /** Milliseconds it took to compute, for early refresh; undefined where nobody said. */
  costMs?: number | undefined;
  /** Which write it is, where that is known. */
  version?: bigint | undefined;
}

/**
 * What a reader that missed brings along when it fills the level later: the level's state of the key at that time.
 * The fill is refused when the key was written or removed meanwhile, so that a slow reader cannot bring back an
 * older value (R. Nishtala et al., Scaling Memcache at Facebook, NSDI 2013, leases).
 */
export type Lease = ByteString;

/** A lease that no state of a key is equal to: of a level that could not be asked. */
export const noLease = '?' as Lease;

/** The lease of a key that the level has no record of. */
export const noRecord = '' as Lease;

export interface Lookup {
  found: Found | undefined;
  lease: Lease;
}

/**
 * `stored`: the value is there. `refused`: something newer was written, or may have been; what is there now, if
 * anything, is no older. `unfit`: the level holds no value of the key, because it cannot hold this one.
 */
export type KeyedWriteOutcome = 'stored' | 'refused' | 'unfit';

/**
 * One level of a `MultiLevelCache`, with single keys; `BulkLevel` is the bulk side of the same system.
 *
 * A level remembers the highest version that a key was written or removed with, and whether the value it holds is
 * of a known version. One that readers loaded is not: it can be of any write that was committed by then.
 */
export interface KeyedLevel {
  readonly name: string;
  readonly type: LevelType;
  /** Levels inside the process answer at once. */
  peek?(key: ByteString): Found | undefined;
  lookup(key: ByteString): Promise<Lookup>;
  /** The lease alone: what a writer notes before it writes to the database. */
  lease(key: ByteString): Promise<Lease>;
  /**
   * Fills after a miss. Refused when the key changed since the lookup, or has a value.
   * @param replace put it in the place of the value that the lookup found.
   */
  fill(key: ByteString, found: Found, lease: Lease, replace?: boolean): Promise<KeyedWriteOutcome>;
  /**
   * Writes, unless a version as new was written before. Over a value of unknown version only when the writer knows
   * by its lease that this was there before the database was written to: otherwise the value may be the newer one,
   * and is removed, so that the next reader asks the database. Without a version: writes in any case.
   */
  set(key: ByteString, found: Found, version: bigint | undefined, lease?: Lease): Promise<KeyedWriteOutcome>;
  /**
   * Removes, unless a newer version was written; fills that are under way are refused afterwards, and so are writes
   * with versions as old. Without a version: removes in any case.
   * @returns false when a newer version was written.
   */
  remove(key: ByteString, version: bigint | undefined): Promise<boolean>;
  close(): Promise<void>;
}

/** How long a level remembers a key's version after its value is gone: longer than any load or write is under way. */
export const versionsOutliveMs = 600_000;

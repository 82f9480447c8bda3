import type { ByteString } from '../core/bytes.js';

/** What a reader found in a level. */
export interface Found {
  value: ByteString;
  /** Milliseconds since the epoch after which it is gone; undefined: never. */
  expiresAt?: number | undefined;
  /** Milliseconds it took to compute, for early refresh; undefined where nobody said. */
  costMs?: number | undefined;
}

/**
 * What a reader that missed brings along when it fills the level later: the level's state of the key at that time.
 * The fill is refused when the key was written or removed meanwhile, so that a slow reader cannot bring back an
 * older value (R. Nishtala et al., Scaling Memcache at Facebook, NSDI 2013, leases).
 */
export type Lease = string;

export interface Lookup {
  found: Found | undefined;
  lease: Lease;
}

/** One level of a `MultiLevelCache`, with single keys; {@link CacheLevel} is the bulk side of the same system. */
export interface Store {
  readonly name: string;
  lookup(key: ByteString): Promise<Lookup>;
  /** Fills after a miss. @returns false when the key changed since the lookup, or has a value. */
  fill(key: ByteString, found: Found, lease: Lease): Promise<boolean>;
  /** Writes unless a newer version was written. @returns false when it lost. */
  set(key: ByteString, found: Found, version: bigint): Promise<boolean>;
  /** Removes unless a newer version was written; fills that were under way are refused afterwards. */
  remove(key: ByteString, version: bigint): Promise<boolean>;
  close(): Promise<void>;
}

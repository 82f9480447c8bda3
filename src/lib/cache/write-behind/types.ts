/** The words of write-behind and write-through. */

export const operations = ['insert', 'update', 'upsert', 'delete'] as const;
export type Operation = (typeof operations)[number];

/** What may be written: tables and their key columns, from `cache.writeBehind.tables`. */
export type Tables = Readonly<Record<string, { readonly key: readonly string[] }>>;

/** A row as its columns and their values, the key columns among them. */
export interface RowTarget {
  /** `table` or `schema.table`, as the configuration names it. */
  table: string;
  /** Or, for write-behind, `{ json }`: the same as JSON text, of which every digit is kept. */
  row: Readonly<Record<string, unknown>>;
}

/** What an acknowledged write survives: a crash of the process, the loss of the master, the loss of power. */
export type Durability = 'memory' | 'replica' | 'fsync';

/** A write that is queued. */
export interface Queued {
  operationId: string;
  /** The entry's id in its partition's stream. */
  id: string;
  /** The value's version in the cache. */
  version: bigint;
  /**
   * A repeated call whose first entry, if there was one, has left the queue: a later write of the key may be the newer
   * one despite its lower version. The cache must not get this value; the key is to be removed at this version.
   */
  requeued: boolean;
}

/** An acknowledged write that the queue no longer has and no worker took. */
export interface LostWrite {
  operationId: string;
  key: string;
  partition: number;
  id: string;
}

/** Entries that are gone from a partition without having been applied, as its worker finds it. */
export interface LostEntries {
  partition: number;
  /** How many are known to be missing; 0 when the queue's own count went back, so that nobody can tell. */
  entries: number;
  /** Numbers of the missing entries: after the one, before the other. */
  after: number;
  before: number;
  /** Cache keys whose latest write is among them; the cache may hold values that no table has. At most 1,000. */
  keys: string[];
}

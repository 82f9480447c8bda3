import type { SimpleEntryView } from 'hazelcast-client';

import type { Cluster } from './connection.js';
import type { Stored } from './strings.js';

export interface EntryDetails {
  /** Milliseconds since the epoch; undefined without an end. */
  expiresAt: number | undefined;
  /** Bytes with the member's overhead; undefined where the map does not say (in-memory format OBJECT). */
  bytes: number | undefined;
  /** Milliseconds since the epoch of the last use; undefined where the map keeps no statistics of its entries. */
  usedAt: number | undefined;
}

/** What the member knows of an entry, which does not count as a use; undefined when there is none. */
export async function entryDetails({ map }: Cluster, key: Stored): Promise<EntryDetails | undefined> {
  // The client's types do not say that there may be none.
  const view = (await map.getEntryView(key)) as SimpleEntryView<Stored, Stored> | null;
  if (view === null) return undefined;
  const bytes = view.cost.toNumber();
  const times = [view.lastAccessTime, view.creationTime].map((time) => time.toNumber());
  const ends = view.expirationTime.toNumber();
  return {
    expiresAt: ends >= Number.MAX_SAFE_INTEGER ? undefined : ends,
    bytes: bytes > 0 ? bytes : undefined,
    usedAt: times[1]! < 0 ? undefined : Math.max(...times),
  };
}

/** Milliseconds as Hazelcast keeps them: whole seconds, at least one; 0 for no end. */
export function storedTtl(ttlMs: number): number {
  return Math.ceil(ttlMs / 1000) * 1000;
}

import { toBytes, type ByteString } from '../../core/bytes.js';
import { fnv1a } from '../../core/fnv1a.js';

/** Where the number of partitions is agreed on. */
export const configKey = toBytes('metrify:queue:config');

export const defaultPartitions = 16;

/** The keys of one partition; their common hash tag keeps them on one node of a cluster. */
export interface PartitionKeys {
  /** Entries that wait, oldest first. */
  readonly stream: ByteString;
  /** Entries released by `cache queue retry|drop`; they go before the stream's. */
  readonly retry: ByteString;
  /** Poison entries, and behind each the later ones of its key. */
  readonly dead: ByteString;
  /** Hash: a cache key → where its latest entry is: `S`, `R` or `D` (stream, retry, dead) and the id there. */
  readonly pending: ByteString;
  /** Hash: a cache key that is held back → its number of entries in `dead`. */
  readonly blocked: ByteString;
  /** Followed by a cache key: the list of its ids in `dead`, oldest first. */
  readonly held: ByteString;
  /** Number of the latest entry: every entry carries its own, without a gap. */
  readonly counter: ByteString;
  /** Hash: `done`, the highest number that left the stream in order; `lost`, how many were missing. */
  readonly progress: ByteString;
  /** The fencing token and the name of the worker that may work here, while it lives. */
  readonly lease: ByteString;
  /** The last fencing token given out. */
  readonly token: ByteString;
}

export function partitionKeys(partition: number): PartitionKeys {
  const key = (name: string) => `{metrify:queue:${partition}}:${name}` as ByteString;
  return {
    stream: key('stream'),
    retry: key('retry'),
    dead: key('dead'),
    pending: key('pending'),
    blocked: key('blocked'),
    held: key('held:'),
    counter: key('counter'),
    progress: key('progress'),
    lease: key('lease'),
    token: key('token'),
  };
}

/** FNV-1a of the key's bytes, modulo the number of partitions. It is part of the queue's format. */
export function partitionOf(key: ByteString, partitions: number): number {
  return (fnv1a(key) >>> 0) % partitions;
}

/**
 * A stream id (`milliseconds-sequence`) as the version of a cached value. Ids of a partition only grow, whatever the
 * server's clock does, and a key stays in its partition.
 */
export function versionOf(id: string): bigint {
  const dash = id.indexOf('-');
  return (BigInt(id.slice(0, dash)) << 20n) + BigInt(id.slice(dash + 1));
}

/** Milliseconds of the server's clock when the entry came. */
export function timeOf(id: string): number {
  return Number(id.slice(0, id.indexOf('-')));
}

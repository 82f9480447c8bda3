import type { ByteString } from '../core/bytes.js';
import type { LevelType } from './settings.js';

/** A value as it is stored: a string, or a hash's fields and values alternating. */
export type StoredValue = ByteString | ByteString[];

export interface Entry {
  key: ByteString;
  value: StoredValue;
  /** Milliseconds to live; 0 keeps it forever. */
  ttlMs: number;
  /** The source's line, for messages and the dead-letter file. */
  line?: number | undefined;
  /** What the entry was made of: the row, as its source represents it. */
  row?: unknown;
}

/** `unclear`: the key exists, and an attempt whose answer was lost may have written it (only with `nx`). */
export type BulkWriteOutcome = 'written' | 'skipped' | 'failed' | 'unclear';

export interface BulkWriteOptions {
  /** Write only keys that do not exist. */
  nx: boolean;
  signal: AbortSignal;
  /** Called once for each entry, whatever was retried on the way. */
  settled(entry: Entry, outcome: BulkWriteOutcome, reason?: string): void;
}

/** Writes in bulk. `write` returns when there is room for more, `drain` when everything written is settled. */
export interface BulkWriter {
  write(entries: Entry[]): Promise<void>;
  /** @throws ServiceUnavailable when the level stayed away for longer than its time-out. */
  drain(): Promise<void>;
  /** Times the server lost its memory meanwhile (a restart): what was acknowledged before may be gone. */
  readonly restarts: number;
  close(): Promise<void>;
}

export interface KeyInfo {
  key: ByteString;
  /** Milliseconds to live; -1 without an end; undefined where it was not asked for. */
  ttlMs?: number | undefined;
  /** Bytes including the server's overhead. */
  bytes?: number | undefined;
  /** The level's own word for the kind of value: `string`, `hash`, `list`, … */
  type?: string | undefined;
  idleMs?: number | undefined;
  /** Logarithmic access frequency (Redis LFU, 0 to 255). */
  frequency?: number | undefined;
}

export interface KeyBatch {
  /** The node (master, server) the keys are on. */
  node: string;
  keys: KeyInfo[];
  /** The node was replaced and is walked again: forget what it yielded before. */
  restart?: boolean;
  /**
   * On a last batch without keys: how many slots of a cluster changed their master during the walk, or were being moved
   * at its end. Their keys may have been missed or seen twice.
   */
  movedSlots?: number;
}

export interface ScanOptions {
  signal: AbortSignal;
  /** Redis glob; undefined means every key. */
  pattern?: string | undefined;
  /** What is asked for each key beside its name. */
  details: { ttl?: boolean; size?: boolean; idle?: boolean; frequency?: boolean };
  /** Stop after about so many keys, shared over the nodes in proportion to what they hold. */
  limit?: number | undefined;
}

/** `gone`: it was not there; `unclear`: it is not there now, and an attempt whose answer was lost may have removed it. */
export type BulkRemoveOutcome = 'removed' | 'gone' | 'unclear';

export interface BulkRemoveOptions {
  signal: AbortSignal;
  /** Called once for each key. */
  settled(key: ByteString, outcome: BulkRemoveOutcome): void;
}

/** Removes in bulk, in the manner of {@link BulkWriter}. */
export interface BulkRemover {
  remove(keys: ByteString[]): Promise<void>;
  drain(): Promise<void>;
  close(): Promise<void>;
}

export interface NodeStatus {
  /** `host:port`, or the table's name. */
  node: string;
  version?: string;
  keys: number;
  memoryBytes: number;
  maxMemoryBytes?: number | undefined;
  policy?: string | undefined;
  hits?: number | undefined;
  misses?: number | undefined;
  evictions?: number | undefined;
  expired?: number | undefined;
  /** Memory the operating system gave ÷ memory in use. */
  fragmentation?: number | undefined;
  /** Cluster: number of slots served. */
  slots?: number | undefined;
}

/** One level of the cache as the bulk verbs see it. */
export interface BulkLevel {
  readonly name: string;
  readonly type: LevelType;
  /** Where it is, with any password masked. */
  readonly target: string;
  /** Its first server, and what of it is meant: `host:port`, `host:port/3`, the path of a socket. */
  readonly address: string;
  /** Hash values are supported. */
  readonly hashes: boolean;
  nodes(signal: AbortSignal): Promise<NodeStatus[]>;
  /** Things to know before keys are removed in bulk (clients listening to key events); empty when there are none. */
  listeners(signal: AbortSignal): Promise<string[]>;
  writer(options: BulkWriteOptions): Promise<BulkWriter>;
  remover(options: BulkRemoveOptions): Promise<BulkRemover>;
  scan(options: ScanOptions): AsyncIterable<KeyBatch>;
  /**
   * The stored values, `null` where there is none; aligned with `keys`. What is neither a string nor a hash reads as a
   * hash without fields, which no level can store.
   */
  read(keys: ByteString[], signal: AbortSignal): Promise<(StoredValue | null)[]>;
  /** Milliseconds to live: -1 without an end, -2 when there is no such key. */
  ttl(key: ByteString, signal: AbortSignal): Promise<number>;
  /** Number of elements of each key (fields, members, bytes of a string); undefined where the level has none. */
  elements(keys: KeyInfo[], signal: AbortSignal): Promise<(number | undefined)[]>;
  close(): Promise<void>;
}

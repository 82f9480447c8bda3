import type { UsualSettings } from '../elastic/bulk-settings.js';

/** What a cluster says of itself: plain data, bytes and milliseconds throughout. */
export interface ClusterFacts {
  /** Of the whole cluster. */
  readonly health: Health;
  readonly nodes: readonly NodeFacts[];
  /** Those that were asked for. */
  readonly indices: readonly IndexFacts[];
  /** By name: the indices that take what is written to it, and all of them. */
  readonly aliases: Readonly<
    Record<string, { readonly indices: readonly string[]; readonly written: readonly string[] }>
  >;
  /** How much disk of a node may be used; undefined where the server does not look at it. */
  readonly watermarks: Watermarks | undefined;
  readonly pendingTasks: readonly { readonly source: string; readonly waitingMs: number }[];
  readonly tasks: readonly TaskFacts[];
}

export type Health = 'green' | 'yellow' | 'red';

export interface NodeFacts {
  readonly name: string;
  /** Holds shards. */
  readonly isData: boolean;
  /** Of the indices that were asked for. */
  readonly shards: number;
  readonly heapPercent: number;
  readonly disk: { readonly totalBytes: number; readonly freeBytes: number } | undefined;
  /** Requests that were refused since the node started, because its queue was full. */
  readonly rejected: { readonly writes: number; readonly searches: number };
}

export interface IndexFacts {
  readonly name: string;
  readonly health: Health;
  readonly isClosed: boolean;
  /** Without copies. */
  readonly documents: number;
  /** With all copies. */
  readonly bytes: number;
  /** Of each primary shard that is there. */
  readonly primaryBytes: readonly number[];
  readonly shards: number;
  readonly replicas: number;
  readonly unassigned: readonly UnassignedShard[];
  readonly queries: { readonly count: number; readonly totalMs: number; readonly current: number };
  /** What is blocked: `write`, `read_only_allow_delete`. */
  readonly blocks: readonly string[];
  /** As it is set: `-1`; undefined by default. */
  readonly refreshInterval: string | undefined;
  /** Of `search index --bulk-settings`, which is running or was killed: what it puts back. */
  readonly usualSettings: UsualSettings | undefined;
  /** A reindex of it has begun, and has not ended. */
  readonly isReindexed: boolean;
  /** Its aliases point at the other index of a reindex, which has ended or was rolled back. */
  readonly isSetAside: boolean;
  /** Slow queries are logged. */
  readonly logsSlowQueries: boolean;
}

export interface UnassignedShard {
  readonly shard: number;
  readonly isPrimary: boolean;
  /** The server's word: `NODE_LEFT`. */
  readonly reason: string;
  /** ISO 8601. */
  readonly since: string | undefined;
  /** Why no node takes it, in the server's words; undefined where it was not asked. */
  readonly explanation: string | undefined;
}

export interface Watermarks {
  readonly low: Watermark;
  readonly high: Watermark;
  readonly flood: Watermark;
}

/** Share of the disk that may be used, or bytes that must stay free; with a share, never more than `headroom` bytes. */
export type Watermark =
  { readonly usedShare: number; readonly headroomBytes: number } | { readonly freeBytes: number };

export interface TaskFacts {
  /** `node:number`, to cancel it. */
  readonly id: string;
  /** `reindex`, `update by query`, `delete by query`. */
  readonly action: string;
  readonly description: string;
  readonly runningMs: number;
  readonly done: number;
  readonly total: number;
}

export function dataNodes({ nodes }: ClusterFacts): readonly NodeFacts[] {
  return nodes.filter(({ isData }) => isData);
}

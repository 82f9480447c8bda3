import * as z from 'zod/mini';

import { ServiceConflict } from '../../core/errors.js';
import type { ElasticClient } from '../elastic/client.js';
import { type IndexFacts, readIndices } from './index-facts.js';

/**
 * How far a reindex came, in `_meta` of the source's mapping: it outlives this process and the node that ran the copy, and any host
 * can continue from it.
 */
export interface ReindexState {
  readonly run: string;
  readonly destination: { readonly name: string; readonly uuid: string };
  /** By shard of the source: everything up to this sequence number is in the destination. */
  readonly reached: readonly number[];
  /** The server's task that copies, and what was reached once it has ended well. */
  readonly task?: { readonly id: string; readonly reaches: readonly number[] } | undefined;
  /** The source takes no writes because of us. */
  readonly frozen: boolean;
  /** Undefined when its last holder has left it. */
  readonly holder?: Holder | undefined;
}

/** Who works on it. */
export interface Holder {
  /** Different for every attempt. */
  readonly token: string;
  readonly host: string;
  readonly pid: number;
  readonly startTime: string;
  readonly bootId: string;
  readonly pidNamespace?: string | undefined;
  /** Milliseconds since the epoch, by the holder's clock. */
  readonly seenAt: number;
}

/** In `_meta` of a destination's mapping. */
export interface DestinationMark {
  readonly run: string;
  /** What it replaces; after the swap, what a rollback points back to. */
  readonly source: { readonly name: string; readonly uuid: string };
  /** Settings that it gets when it is filled; null is the server's default. */
  readonly later: Readonly<Record<string, string | null>>;
  /** Since just before the swap: its last sequence numbers then, by shard. */
  readonly swapped?: { readonly at: number; readonly seqNos: readonly number[] } | undefined;
}

export const stateKey = 'metrify_reindex';
export const markKey = 'metrify_reindex_of';

const identified = () => z.object({ name: z.string(), uuid: z.string() });

export const holderSchema = z.object({
  token: z.string(),
  host: z.string(),
  pid: z.int().check(z.gte(1)),
  startTime: z.string(),
  bootId: z.string(),
  pidNamespace: z.optional(z.string()),
  seenAt: z.number(),
});

const stateSchema = z.object({
  run: z.string(),
  destination: identified(),
  reached: z.array(z.int().check(z.gte(-1))),
  task: z.optional(z.object({ id: z.string(), reaches: z.array(z.int().check(z.gte(-1))) })),
  frozen: z.boolean(),
  holder: z.optional(holderSchema),
});

const markSchema = z.object({
  run: z.string(),
  source: identified(),
  later: z.record(z.string(), z.nullable(z.string())),
  swapped: z.optional(z.object({ at: z.number(), seqNos: z.array(z.int()) })),
});

/** The unfinished reindex of this index. @throws ServiceConflict when it was written by somebody else */
export function stateOf({ name, mappings, shards }: IndexFacts): ReindexState | undefined {
  const stored = mappings._meta?.[stateKey];
  if (stored === undefined) return undefined;
  const { data } = stateSchema.safeParse(stored);
  if (data?.reached.length === shards) return data;
  throw unreadable(name, stateKey);
}

/** Which index this one was made to replace. @throws ServiceConflict when it was written by somebody else */
export function markOf({ name, mappings }: IndexFacts): DestinationMark | undefined {
  const stored = mappings._meta?.[markKey];
  if (stored === undefined) return undefined;
  const { data } = markSchema.safeParse(stored);
  if (data) return data;
  throw unreadable(name, markKey);
}

function unreadable(index: string, key: string): ServiceConflict {
  return new ServiceConflict(`_meta.${key} in the mapping of '${index}' is not what metrify wrote`, {
    code: 'REINDEX_STATE',
    hint: `Look at it, and remove ${key} from _meta when no reindex is under way.`,
  });
}

/** `_meta` of a mapping that has the mark. */
export function withMark(meta: object | undefined, mark: DestinationMark): object {
  return { ...meta, [markKey]: mark };
}

/** Writes the state of the source, or removes it. Whatever else is in `_meta` stays. */
export function saveState(
  client: ElasticClient,
  index: string,
  state: ReindexState | undefined,
  signal: AbortSignal,
): Promise<void> {
  return changeMeta(client, index, { [stateKey]: state }, signal);
}

export function saveMark(
  client: ElasticClient,
  index: string,
  mark: DestinationMark | undefined,
  signal: AbortSignal,
): Promise<void> {
  return changeMeta(client, index, { [markKey]: mark }, signal);
}

async function changeMeta(
  client: ElasticClient,
  index: string,
  changes: Record<string, unknown>,
  signal: AbortSignal,
): Promise<void> {
  const [facts] = await readIndices(client, index, signal);
  const _meta = { ...facts?.mappings._meta, ...changes };
  await client.json(
    { method: 'PUT', path: `/${encodeURIComponent(index)}/_mapping`, body: { _meta } },
    signal,
  );
}

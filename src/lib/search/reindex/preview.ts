import type { Clock } from '../../core/clock.js';
import type { ReindexPlan } from './prepare.js';

export interface ReindexPreview {
  readonly alias: string;
  readonly source: string;
  readonly destination: string;
  readonly documents: number;
  /** Of the primary shards. */
  readonly bytes: number;
  readonly shards: { readonly before: number; readonly after: number };
  /** What reading every document alone would take, in milliseconds, as measured now. */
  readonly readingMs: number;
  readonly steps: readonly string[];
}

const measureMs = 1000;

export async function previewReindex(
  plan: ReindexPlan,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<ReindexPreview> {
  const { engine, source, destination } = plan;
  const { name, shards } = source.index;
  type Stats = { _all: { primaries: { docs: { count: number }; store: { size_in_bytes: number } } } };
  const { _all } = await engine.client.json<Stats>(
    { path: `/${encodeURIComponent(name)}/_stats/docs,store` },
    signal,
  );
  const documents = await engine.count(name, signal);
  return {
    alias: source.asked,
    source: name,
    destination: destination.name,
    documents,
    bytes: _all.primaries.store.size_in_bytes,
    shards: { before: shards, after: destination.shards || shards },
    readingMs: await readingMs(plan, documents, { clock, signal }),
    steps: steps(plan),
  };
}

async function readingMs(
  { engine, source }: ReindexPlan,
  documents: number,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<number> {
  const began = clock.monotonic();
  let count = 0;
  for await (const hits of engine.scan(source.index.name, { signal })) {
    count += hits.length;
    if (clock.monotonic() - began > measureMs) break;
  }
  return count === 0 ? 0 : Math.round(((clock.monotonic() - began) * documents) / count);
}

function steps({ source, destination, freezeMs, old, by, unfinished }: ReindexPlan): readonly string[] {
  const { asked, index } = source;
  const aliases = Object.keys(index.aliases).join(', ') || asked;
  return [
    unfinished === undefined ? `create '${destination.name}'` : `continue with '${destination.name}'`,
    `copy '${index.name}' ${by === 'client' ? 'through this machine' : 'by a task of the server where it can, else through this machine'}`,
    'catch up with what is written meanwhile, by sequence number',
    'compare both by id and content',
    freezeMs === undefined
      ? 'catch up again while it is written to: the result says how many writes may be missing'
      : `stop writes to '${index.name}' for up to ${freezeMs / 1000} s, and bring over the last`,
    ...(old === undefined ? [] : [`keep the documents of '${index.name}' as '${old}'`]),
    `point ${aliases} at '${destination.name}'`,
  ];
}

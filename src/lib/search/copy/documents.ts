import { fromBytes } from '../../core/bytes.js';
import { ServiceConflict } from '../../core/errors.js';
import type { Checkpoint } from '../../runs/checkpoint.js';
import { BulkWriter } from '../bulk/writer.js';
import type { Hit, Operation, SearchEngine } from '../engine.js';
import { SolrEngine } from '../solr/engine.js';
import { type CopyOptions, type CopyResult, emptyResult } from './copy.js';
import { maxRejections, reconcile } from './reconcile.js';
import type { StoredReach } from './plan.js';

/** Documents that go from one engine to another kind of engine, into an index that is there. */
export interface DocumentsPlan {
  readonly kind: 'documents';
  readonly source: SearchEngine;
  readonly index: string;
  /** How many it has at the moment. */
  readonly documents: number;
  readonly engine: SearchEngine;
  readonly name: string;
  /** Of the destination. */
  readonly uuid: string;
  /** External versions go with them. */
  readonly carriesVersions: boolean;
  /** What stays behind, a line each. */
  readonly leftOut: readonly string[];
  /** An earlier run began it. */
  readonly continues: boolean;
  readonly resume: Checkpoint<StoredReach> | undefined;
}

/**
 * Copies the documents of an index, and compares both at the end, in the form in which the destination keeps them. What was
 * written meanwhile, or deleted, is brought over then. A copy that was stopped begins again, and overwrites what is there.
 * @throws NotWritten; as SearchEngine; as BulkWriter; the signal's reason
 */
export async function copyDocuments(plan: DocumentsPlan, options: CopyOptions): Promise<CopyResult> {
  const { source, index, engine, name, uuid, resume } = plan;
  const { signal } = options;
  const result = emptyResult(plan, plan.leftOut);
  options.started(() => result);
  await resume?.save({ uuid, seqNos: [], copied: 0, kept: 0 });
  await writeAll(plan, result, options);
  if (result.rejected > 0) return result;
  const comparison = await reconcile({ source, index, engine, name, isInUse: false }, options);
  const { differences: _, examples: __, ...counts } = comparison;
  result.comparison = counts;
  const there = await engine.describe(name, signal);
  if (there?.indices[0]?.uuid !== uuid)
    throw new ServiceConflict(`${name} at ${engine.name} was deleted, or replaced, during the copy`, {
      code: 'DESTINATION_CHANGED',
      hint: 'Run it again.',
    });
  if (comparison.missing + comparison.extra + comparison.stale + comparison.doubled > 0) return result;
  result.complete = true;
  await resume?.remove().catch(options.notWritten);
  return result;
}

async function writeAll(
  { source, index, documents, engine, name, carriesVersions, continues }: DocumentsPlan,
  result: CopyResult,
  { clock, signal, during, waits }: CopyOptions,
): Promise<void> {
  const writer = new BulkWriter<Operation>({
    ...{ engine, clock, signal, waits },
    target: { index: name },
    mayRepeat: continues,
    settled: ({ id }, outcome) => {
      if (outcome.kind === 'done') result.copied++;
      else if (outcome.status === 409) result.kept++;
      else {
        result.rejected++;
        if (result.rejections.length < maxRejections)
          result.rejections.push({ id: fromBytes(id), reason: outcome.reason });
      }
    },
  });
  await source.refresh(index, signal);
  await during('copying', async (progress) => {
    let read = 0;
    for await (const hits of versioned(source, index, carriesVersions, signal)) {
      for (const { id, version, source } of hits) await writer.add({ kind: 'index', id, version, source });
      progress.update((read += hits.length), Math.max(read, documents));
    }
    await writer.drain();
  });
}

/** Solr's own versions are times: only what its documents were given goes with them. */
async function* versioned(
  source: SearchEngine,
  index: string,
  carries: boolean,
  signal: AbortSignal,
): AsyncGenerator<readonly Pick<Hit, 'id' | 'version' | 'source'>[]> {
  if (source instanceof SolrEngine)
    for await (const hits of source.scan(index, { signal }))
      yield hits.map(({ id, source, externalVersion }) => ({
        id,
        source,
        version: carries ? externalVersion : undefined,
      }));
  else
    for await (const hits of source.scan(index, { signal, versions: carries }))
      yield carries ? hits : hits.map(({ id, source }) => ({ id, source }));
}

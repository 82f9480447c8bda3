import { fromBytes } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import type { NotWritten } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import type { Wait } from '../bulk/writer.js';
import type { Comparison } from '../verify/compare.js';
import { Destination } from './destination.js';
import { Hold } from './hold.js';
import { copyPass, type Reached } from './pass.js';
import type { CopyPlan } from './plan.js';
import { maxRejections, reconcile } from './reconcile.js';

export interface CopyOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly temporaryFolder: string;
  /** How many differing ids are listed at most. */
  readonly listed: number;
  /** Shows how far each step is. */
  during<T>(label: string, work: (progress: Progress) => Promise<T>): Promise<T>;
  readonly waits: (wait: Wait) => void;
  /** The run's checkpoint stays. */
  readonly notWritten: (problem: NotWritten) => void;
  /** Something may have been written from here on. */
  readonly started: (result: () => CopyResult) => void;
}

export interface CopyResult {
  /** For people. */
  readonly source: string;
  readonly destination: string;
  /** Documents that are there in the source's version. */
  copied: number;
  /** Documents that were there in a newer version. */
  kept: number;
  /** Documents that the destination does not take. */
  rejected: number;
  /** Why, of the first ones. */
  readonly rejections: { readonly id: string; readonly reason: string }[];
  /** What the destination's cluster cannot take over, a line each. */
  leftOut: string[];
  aliases: string[];
  /** The copy has replicas, refreshes and aliases as the source. */
  complete: boolean;
  /** Both sides at the end, by id and content. */
  comparison?: Omit<Comparison, 'differences' | 'examples'>;
}

/** Of a copy that has not begun. */
export function emptyResult(
  {
    source,
    index,
    engine,
    name,
  }: Pick<CopyPlan, 'index' | 'name'> & {
    readonly source: { readonly address: string };
    readonly engine: { readonly address: string };
  },
  leftOut: readonly string[],
): CopyResult {
  return {
    source: `${index} at ${source.address}`,
    destination: `${name} at ${engine.address}`,
    copied: 0,
    kept: 0,
    rejected: 0,
    rejections: [],
    leftOut: [...leftOut],
    aliases: [],
    complete: false,
  };
}

/**
 * Copies an index with its definition, its documents byte by byte and its aliases, and compares both at the end. What was written to
 * the source meanwhile is copied as well, and what was deleted there is deleted. A copy that was stopped is continued by the next run.
 * @throws ServiceConflict `COPY_RUNS` exit 4; NotWritten; as SearchEngine; as BulkWriter; the signal's reason
 */
export async function copyIndex(plan: CopyPlan, options: CopyOptions): Promise<CopyResult> {
  const { definition, engine, name, resume } = plan;
  const { signal } = options;
  const result = emptyResult(plan, definition.leftOut);
  if (resume !== undefined) await resume.rehearse({ uuid: '', seqNos: [], copied: 0, kept: 0 });
  options.started(() => result);
  const destination =
    plan.begun ??
    (await Destination.create(
      engine,
      name,
      plan.uuid,
      definition,
      (line) => result.leftOut.push(line),
      signal,
    ));
  const hold = destination.isComplete
    ? undefined
    : await Hold.take(engine.client, name, options.clock, signal);
  try {
    await complete(plan, destination, result, options);
  } finally {
    await hold?.release();
  }
  if (result.complete) await resume?.remove().catch(options.notWritten);
  return result;
}

/** Fills the copy, as far as it is not complete, and compares it. What became of it is in the result. */
async function complete(
  plan: CopyPlan,
  destination: Destination,
  result: CopyResult,
  options: CopyOptions,
): Promise<void> {
  const { definition } = plan;
  const { signal } = options;
  if (!destination.isComplete) {
    await destination.hide(signal);
    await copyDocuments(plan, destination, result, options);
  }
  if (result.rejected > 0) return;
  const comparison = await reconcile(
    {
      source: plan.source,
      index: plan.index,
      engine: plan.engine,
      name: destination.name,
      isInUse: destination.isComplete,
    },
    options,
  );
  const { differences: _, examples: __, ...counts } = comparison;
  result.comparison = counts;
  if (comparison.missing + comparison.extra + comparison.stale + comparison.doubled > 0) return;
  if (!destination.isComplete) {
    const { free, taken } = await destination.freeAliases(definition.aliases, signal);
    await destination.finish(definition, free, signal);
    result.leftOut.push(...taken);
    result.aliases = Object.keys(free);
  }
  result.complete = true;
}

async function copyDocuments(
  { source, index, definition, documents, engine, resume }: CopyPlan,
  destination: Destination,
  result: CopyResult,
  { clock, signal, during, waits }: CopyOptions,
): Promise<void> {
  const before = resume?.reached;
  const reached: Reached = {
    seqNos: [...(before?.seqNos ?? [])],
    copied: before?.copied ?? 0,
    kept: before?.kept ?? 0,
  };
  await during('copying', async (progress) => {
    let read = reached.copied + reached.kept;
    const pass = {
      ...{ source, index, engine, clock, signal, waits },
      alias: destination.mark,
      shards: Number(definition.settings['index.number_of_shards'] ?? 1),
      advance: (count: number) => progress.update((read += count), Math.max(read, documents)),
      rejected: ({ id }: { id: Parameters<typeof fromBytes>[0] }, reason: string) => {
        result.rejected++;
        if (result.rejections.length < maxRejections) result.rejections.push({ id: fromBytes(id), reason });
      },
      save: async ({ copied, kept, seqNos }: Reached) => {
        Object.assign(result, { copied, kept });
        // What was rejected must be met again.
        if (result.rejected === 0) await resume?.save({ uuid: destination.uuid, seqNos, copied, kept });
      },
    };
    while (await copyPass(reached, pass));
  });
}

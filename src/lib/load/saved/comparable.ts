import { UserError } from '../../core/errors.js';
import { type Slice as ComparedSlice } from '../compare/slice.js';
import type { RunFile } from './merge.js';
import { differingKeys, type PlanDescription, planTitles } from './plan-description.js';

/** Another server, and another length, are what a comparison is for, or do no harm. */
const mayDiffer: readonly (keyof PlanDescription)[] = ['targets', 'durationMs', 'drainMs'];

/**
 * The slices of two runs, of equal length.
 * @throws UserError `RUNS_DIFFER` when a difference between them would say nothing of the server
 */
export function comparedSlices(
  before: RunFile,
  after: RunFile,
): { readonly a: ComparedSlice[]; readonly b: ComparedSlice[] } {
  requireThatTheyCompare(before, after);
  const sliceMs = Math.max(before.run.tally.timeline.sliceMs, after.run.tally.timeline.sliceMs);
  return { a: slicesOf(before, sliceMs), b: slicesOf(after, sliceMs) };
}

function slicesOf({ run: { tally } }: RunFile, sliceMs: number): ComparedSlice[] {
  tally.timeline.atLeast(sliceMs);
  return tally.timeline.slices
    .filter(({ slice }) => slice.sent > 0)
    .map(({ startMs, slice }) => ({
      startMs: tally.startedAt + startMs,
      sent: slice.sent,
      errors: slice.failed + slice.unexpected,
      latencies: slice.response,
      incomplete: slice.ages,
    }));
}

function requireThatTheyCompare(before: RunFile, after: RunFile): void {
  if (before.run.id === after.run.id)
    throw refused(
      `${before.path} and ${after.path} are the same run`,
      'Give one of before, and one of after.',
    );
  const differ = differingKeys(withoutLengths(before), withoutLengths(after)).filter(
    (key) => !mayDiffer.includes(key),
  );
  if (differ.length > 0)
    throw refused(
      `${before.path} and ${after.path} had other plans: they differ in ${differ.map((key) => planTitles[key]).join(', ')}`,
      'Compare runs that were started with the same load and the same requests.',
    );
  if (before.run.shard?.of !== after.run.shard?.of)
    throw refused(
      `${before.path} and ${after.path} are other shares of a load`,
      'Compare runs with the same number of shards.',
    );
  for (const { path, run } of [before, after])
    if (run.tally.lost.length > 0)
      throw refused(`a thread of ${path} died: a part of its load is missing`, 'Run it again.');
}

/** The same rate for longer is the same load. */
function withoutLengths({ run: { plan } }: RunFile): PlanDescription {
  const { arrivals } = plan;
  const stages = arrivals.stages?.length === 1 ? arrivals.stages : undefined;
  if (!stages) return plan;
  return { ...plan, arrivals: { ...arrivals, stages: stages.map((stage) => ({ ...stage, durationMs: 0 })) } };
}

const refused = (message: string, hint: string) => new UserError(message, { code: 'RUNS_DIFFER', hint });

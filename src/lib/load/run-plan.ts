import type { Progress } from '../core/progress.js';
import { AbortOnFailure } from './abort.js';
import { generate, type LoadPlan, type LoadTally } from './generator.js';
import { type LoadResult, resultOf } from './result.js';
import { checksIn } from './scenario/plan.js';
import type { OnSlice } from './so-far.js';
import { latenciesOpener } from './tally.js';
import { targetRateBetween } from './target-rate.js';
import { namesIn, type Threshold } from './threshold.js';

/** A run, and what was counted in it. */
export interface PlanRun {
  /** As it was carried out. */
  readonly plan: LoadPlan;
  readonly tally: LoadTally;
  readonly result: LoadResult;
}

export interface RunOptions {
  readonly generator?: typeof generate | undefined;
  /** Is told each second of the run. */
  readonly onSlice?: OnSlice;
}

/** Generates the load of a plan, and judges what became of it. @throws what `generator` throws */
export async function runPlan(
  given: LoadPlan,
  thresholds: readonly Threshold[],
  signal: AbortSignal,
  progress: Progress,
  { generator = generate, onSlice = () => {} }: RunOptions = {},
): Promise<PlanRun> {
  const open = await latenciesOpener();
  const abort = new AbortOnFailure(thresholds, open);
  const plan = { ...given, names: namesIn(thresholds), watch: abort.watch };
  const stop = AbortSignal.any([signal, abort.signal]);
  const tally = await generator(plan, stop, progress, (second, soFar) => {
    abort.onSlice(second, soFar);
    onSlice(second, soFar);
  });
  const { arrivals, workload, maxConnections, threads, shard } = plan;
  const result = resultOf(tally, {
    targetRate: arrivals.loop === 'closed' ? undefined : tally.due / (Math.max(1, tally.elapsedMs) / 1000),
    ...(arrivals.loop === 'open' && {
      targetRateAt: (from: number, to: number) =>
        targetRateBetween(arrivals.stages, from, to) / (shard?.of ?? 1),
    }),
    ...{ threads, maxConnections, thresholds, shard, open },
    abortedBy: abort.abortedBy,
    stopped: signal.aborted,
    checks: 'tasks' in workload ? checksIn(workload.tasks) : [],
  });
  return { plan, tally, result };
}

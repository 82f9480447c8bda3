import type { Progress } from '../core/progress.js';
import { generate, type LoadPlan, type LoadTally } from './generator.js';
import { type LoadResult, resultOf } from './result.js';
import { latenciesOpener } from './tally.js';
import { targetRateBetween } from './target-rate.js';
import type { Threshold } from './threshold.js';

/** Generates the load of a plan, and judges what became of it. @throws what `generator` throws */
export async function runPlan(
  plan: LoadPlan,
  thresholds: readonly Threshold[],
  signal: AbortSignal,
  progress: Progress,
  generator: (plan: LoadPlan, signal: AbortSignal, progress: Progress) => Promise<LoadTally> = generate,
): Promise<LoadResult> {
  const open = await latenciesOpener();
  const tally = await generator(plan, signal, progress);
  const { arrivals, durationMs = tally.elapsedMs, maxConnections, threads } = plan;
  const rate = tally.due / (Math.max(1, durationMs) / 1000);
  return resultOf(tally, {
    targetRate: arrivals.loop === 'closed' ? undefined : Math.round(rate * 1000) / 1000,
    ...(arrivals.loop === 'open' && {
      targetRateAt: (from: number, to: number) => targetRateBetween(arrivals.stages, from, to),
    }),
    ...{ threads, maxConnections, thresholds, open },
  });
}

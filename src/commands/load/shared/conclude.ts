import type { LoadPlan, LoadTally } from '../../../lib/load/generator.js';
import { nothingAnswered } from '../../../lib/load/nothing-answered.js';
import type { LoadResult } from '../../../lib/load/result.js';
import { metricsOf } from '../../../lib/load/run-metrics.js';
import { type PlanRun, type RunOptions, runPlan } from '../../../lib/load/run-plan.js';
import { latenciesOpener } from '../../../lib/load/tally.js';
import type { Threshold } from '../../../lib/load/threshold.js';
import { verdictOf } from '../../../lib/load/verdict.js';
import type { Check, Outcome } from '../../../runtime/command.js';
import type { Context } from '../../../runtime/context.js';
import { watching } from './watch.js';

export interface Sending {
  /** For whoever watches: what is requested. */
  readonly title: string;
  readonly noLive: boolean;
  readonly generator?: RunOptions['generator'];
}

/** Generates the load of a plan, with its progress on the terminal. */
export async function send(
  plan: LoadPlan,
  thresholds: readonly Threshold[],
  context: Context,
  { title, noLive, generator }: Sending,
): Promise<PlanRun> {
  const open = await latenciesOpener();
  return watching({ title, plan, thresholds, open, noLive }, context, (onSlice, progress) =>
    runPlan(plan, thresholds, context.signal, progress, { generator, onSlice }),
  );
}

/** @throws ServiceUnavailable when there was not one answer */
export function conclude<R extends LoadResult>(tally: LoadTally, result: R, where: string): Outcome<R> {
  if (result.answered === 0 && result.requests > 0) throw nothingAnswered(result, where);
  return {
    verdict: verdictOf(result),
    result,
    checks: checksOf(result),
    metrics: metricsOf(tally, result),
  };
}

export function countsOf({ sent, answered, failed, incomplete }: LoadResult): Record<string, number> {
  return { sent, answered, failed, incomplete };
}

function checksOf({ thresholds }: LoadResult): Check[] {
  return thresholds.map(({ expression, verdict, observed }) => ({
    name: expression,
    ...(verdict === 'failed' && { failure: observed }),
    ...(verdict === 'no-data' && { inconclusive: observed }),
  }));
}

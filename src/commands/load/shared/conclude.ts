import type { LoadPlan } from '../../../lib/load/generator.js';
import { requireAnswers } from '../../../lib/load/reachability.js';
import type { LoadResult } from '../../../lib/load/result.js';
import { runPlan } from '../../../lib/load/run-plan.js';
import type { Threshold } from '../../../lib/load/threshold.js';
import { verdictOf } from '../../../lib/load/verdict.js';
import type { Check, Outcome } from '../../../runtime/command.js';
import type { Context } from '../../../runtime/context.js';

/** What generates the load. */
type Generator = Parameters<typeof runPlan>[4];

/** Generates the load of a plan, with its progress on the terminal. */
export function send(
  plan: LoadPlan,
  thresholds: readonly Threshold[],
  context: Context,
  generator?: Generator,
): Promise<LoadResult> {
  return context.during('sending', 'requests', (progress) =>
    runPlan(plan, thresholds, context.signal, progress, generator),
  );
}

/** What a run concludes. @throws ServiceUnavailable when nothing was answered; the signal's reason */
export function concluded<R extends LoadResult>(result: R, host: string, context: Context): Outcome<R> {
  context.applied(() => result);
  context.signal.throwIfAborted();
  requireAnswers(result, host);
  return { verdict: verdictOf(result), result, checks: checksOf(result) };
}

function checksOf({ thresholds }: LoadResult): Check[] {
  return thresholds.map(({ expression, verdict, observed }) => ({
    name: expression,
    ...(verdict === 'failed' && { failure: observed }),
    ...(verdict === 'no-data' && { inconclusive: observed }),
  }));
}

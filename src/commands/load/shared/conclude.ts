import type { LoadTally } from '../../../lib/load/generator.js';
import { nothingAnswered } from '../../../lib/load/nothing-answered.js';
import type { LoadResult } from '../../../lib/load/result.js';
import { metricsOf } from '../../../lib/load/run-metrics.js';
import { verdictOf } from '../../../lib/load/verdict.js';
import type { Check, Outcome } from '../../../runtime/command.js';

/** @throws ServiceUnavailable when there was not one answer */
export function conclude(tally: LoadTally, result: LoadResult, where: string): Outcome<LoadResult> {
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

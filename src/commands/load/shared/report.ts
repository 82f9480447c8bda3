import { distributionOf } from '../../../lib/load/distribution.js';
import type { LoadTally } from '../../../lib/load/generator.js';
import { timesOf } from '../../../lib/load/judge.js';
import type { LoadResult } from '../../../lib/load/result.js';
import type { OpenLatencies } from '../../../lib/load/tally.js';
import { verdictOf } from '../../../lib/load/verdict.js';
import type { Context } from '../../../runtime/context.js';
import type { PlanFact } from '../../../ui/load-report/plan.js';
import { version } from '../../../version.js';

export interface ReportedTally {
  /** What was tested. */
  readonly title: string;
  readonly plan: readonly PlanFact[];
  readonly tally: LoadTally;
  readonly open: OpenLatencies;
}

/** The report of a run as HTML. */
export async function reportOf(
  result: LoadResult,
  { title, plan, tally, open }: ReportedTally,
  { terminal, signal }: Pick<Context, 'terminal' | 'signal'>,
): Promise<string> {
  const [{ reportPage }, { readAssets }] = await Promise.all([
    import('../../../ui/load-report/page.js'),
    import('../../../ui/load-report/assets.js'),
  ]);
  const isUnanswered = result.answered === 0 && result.requests > 0;
  const verdict = signal.aborted ? 'stopped' : isUnanswered ? 'unavailable' : verdictOf(result);
  const distribution = distributionOf(timesOf(tally.names.total(), 'response', open));
  const run = { title, verdict, plan, result, distribution, version };
  return reportPage(run, await readAssets(), terminal.redactor);
}

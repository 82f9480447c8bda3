import { compareRuns } from '../../../lib/load/compare/compare.js';
import {
  comparisonConclusions,
  comparisonResult,
  type ComparisonResult,
  sideOf,
} from '../../../lib/load/compare/result.js';
import type { Slice } from '../../../lib/load/compare/slice.js';
import { latenciesOpener } from '../../../lib/load/tally.js';
import type { Check, Outcome } from '../../../runtime/command.js';
import { flag, type FlagValues } from '../../../runtime/flags.js';
import { change, intervalOf, quantileName } from '../../../ui/load-compare.js';

export const comparisonFlags = {
  maxIncrease: flag.percent({
    help: 'how much slower B may be at a quantile, like 10% (default: any difference counts that is not chance)',
  }),
};

export interface Side {
  readonly name: string;
  readonly slices: readonly Slice[];
}

export async function compareSides(
  a: Side,
  b: Side,
  { maxIncrease }: FlagValues<typeof comparisonFlags>,
): Promise<ComparisonResult> {
  const open = await latenciesOpener();
  const comparison = compareRuns(a.slices, b.slices, {
    open,
    ...(maxIncrease !== undefined && { maxIncrease }),
  });
  return comparisonResult(comparison, {
    a: sideOf(a.name, a.slices),
    b: sideOf(b.name, b.slices),
    maxIncrease,
  });
}

export function concludeComparison<R extends ComparisonResult>(result: R): Outcome<R> {
  return { verdict: comparisonConclusions[result.conclusion], result, checks: checksOf(result) };
}

export const comparisonCounts = ({ a, b }: ComparisonResult): Record<string, number> => ({
  sent: a.sent + b.sent,
});

/** Quantiles for which there are too few requests do not count while there are others. */
function checksOf({ quantiles, errors, maxIncrease }: ComparisonResult): Check[] {
  const judged = quantiles.filter(({ missing }) => missing === undefined);
  const most = maxIncrease === null ? '' : ` ≤ ${change(1 + maxIncrease)}`;
  return [
    ...(judged.length === 0 ? quantiles : judged).map((each) => ({
      name: `${quantileName(each)}${most}`,
      ...(each.verdict === 'slower' && { failure: `slower: ${intervalOf(each)}` }),
      ...(each.verdict === 'unclear' && { inconclusive: each.missing ?? `unclear: ${intervalOf(each)}` }),
    })),
    {
      name: 'error rate',
      ...(errors.verdict === 'higher' && { failure: 'B fails more often' }),
      ...(errors.verdict === 'unclear' && { inconclusive: 'whether B fails more often is unclear' }),
    },
  ];
}

import type { OpenLatencies } from '../tally.js';
import { compareErrors, type ErrorComparison } from './errors.js';
import { compareQuantile, type QuantileComparison } from './quantile.js';
import { sidesOf, type Slice } from './slice.js';

export interface CompareOptions {
  /** Each strictly between 0 and 1; p50, p90, p95 and p99 unless said. */
  readonly quantiles?: readonly number[];
  /** How much slower B may be: 0.1 for 10 %. Without it any difference counts that is not chance. */
  readonly maxIncrease?: number;
  /** Probability that anything at all is found where nothing differs; 0.05 unless said. */
  readonly falseAlarms?: number;
  readonly open: OpenLatencies;
}

export interface Comparison {
  /** Whether A and B took turns: then a noisy machine cancels out. Else what differs may be the time of day. */
  readonly interleaved: boolean;
  readonly quantiles: readonly QuantileComparison[];
  readonly errors: ErrorComparison;
  /**
   * Of all of them: `worse` when one is, then `unclear` when one is, then `better` when one is. Quantiles for which there are
   * too few requests (`missing`) do not count while there are others.
   */
  readonly conclusion: 'worse' | 'better' | 'same' | 'unclear';
}

/**
 * Judges whether run B is slower than run A, or fails more often.
 *
 * Requests of one moment resemble each other, so that slices, and not requests, are what is counted. Of each quantile the
 * mean of the slices' ln(B ÷ A) has an interval that allows for correlation between neighbours (`meanOfSeries`). All
 * intervals hold together with probability 1 − falseAlarms, the errors' too (Bonferroni).
 */
export function compareRuns(a: readonly Slice[], b: readonly Slice[], options: CompareOptions): Comparison {
  const { quantiles = [0.5, 0.9, 0.95, 0.99], maxIncrease, falseAlarms = 0.05, open } = options;
  const sides = sidesOf(a, b);
  const alpha = falseAlarms / (quantiles.length + 1);
  const compared = quantiles.map((quantile) =>
    compareQuantile(sides, { quantile, alpha, maxIncrease, open }),
  );
  const errors = compareErrors(sides, alpha);
  return {
    interleaved: sides.paired,
    quantiles: compared,
    errors,
    conclusion: conclusionOf(compared, errors),
  };
}

function conclusionOf(
  quantiles: readonly QuantileComparison[],
  errors: ErrorComparison,
): Comparison['conclusion'] {
  const judged = quantiles.filter(({ missing }) => missing === undefined);
  const verdicts = new Set([...(judged.length === 0 ? quantiles : judged), errors].map((one) => one.verdict));
  if (verdicts.has('slower') || verdicts.has('higher')) return 'worse';
  if (verdicts.has('unclear')) return 'unclear';
  return verdicts.has('faster') || verdicts.has('lower') ? 'better' : 'same';
}

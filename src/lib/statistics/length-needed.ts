import { freedomOf } from './series-mean.js';
import { studentQuantile } from './student-t.js';

/**
 * The standard deviation of a series times what correlation between neighbours makes of it: that of its mean × √length. For
 * plans: cautious, since they are made from few values, and for a first-order autoregression. Deviation and correlation are
 * each enlarged to what they do not exceed in nineteen cases of twenty; the correlation is taken for 0.3 at least. Infinite
 * for fewer than three values.
 */
export function longRunDeviation(values: readonly number[]): number {
  const n = values.length;
  if (n < 3) return Infinity;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  if (squares === 0) return 0;
  const products = values.slice(1).reduce((sum, value, i) => sum + (value - mean) * (values[i]! - mean), 0);
  const observed = products / squares;
  // About the mean of the same values it comes out too small (Kendall 1954).
  const unbiased = observed + (1 + 3 * observed) / n;
  const correlation = Math.min(0.8, Math.max(leastCorrelation, unbiased + margin / Math.sqrt(n)));
  const deviation = Math.sqrt(squares / (n - 1)) * (1 + margin / Math.sqrt(2 * (n - 1)));
  return deviation * Math.sqrt((1 + correlation) / (1 - correlation));
}

const leastCorrelation = 0.3;
/** In standard errors. */
const margin = 1.645;

export interface Aim {
  /** Of the series, as `longRunDeviation` has it. */
  readonly deviation: number;
  /** How far the true mean is from what is to be refuted; above 0, in the unit of the series. */
  readonly effect: number;
  /** Probability of a false alarm, of both sides together. */
  readonly alpha: number;
  /** Probability that the effect is found. */
  readonly power: number;
}

/** Values until the interval of `meanOfSeries` excludes a mean that is `effect` away; at least `least`. Infinite past 10⁶. */
export function lengthNeeded({ deviation, effect, alpha, power }: Aim, least: number): number {
  if (!(effect > 0) || deviation === Infinity) return Infinity;
  const enough = (n: number): boolean => {
    const freedom = freedomOf(n);
    const errors = studentQuantile(1 - alpha / 2, freedom) + studentQuantile(power, freedom);
    return (deviation / Math.sqrt(n)) * errors <= effect;
  };
  let [short, long] = [least - 1, least];
  while (!enough(long)) {
    if (long > 1e6) return Infinity;
    [short, long] = [long, 2 * long];
  }
  while (long - short > 1) {
    const middle = (short + long) >> 1;
    if (enough(middle)) long = middle;
    else short = middle;
  }
  return long;
}

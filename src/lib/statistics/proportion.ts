import { logBeta } from './log-gamma.js';

/** `events` of `trials`, 0 ≤ events ≤ trials. Fractions are welcome: counts divided by a design effect. */
export interface Proportion {
  readonly events: number;
  readonly trials: number;
}

/**
 * The proportion as it can be counted with: counters are read a moment apart, so that errors may seem to outnumber the
 * requests; they are taken as all of them.
 * @throws RangeError when a count is negative or no number
 */
export function checkedProportion({ events, trials }: Proportion): Proportion {
  if (!(events >= 0 && trials >= 0 && Number.isFinite(events) && Number.isFinite(trials)))
    throw new RangeError(`${events} of ${trials} is no proportion`);
  return events > trials ? { events: trials, trials } : { events, trials };
}

/** ln of rate^events (1 − rate)^(trials − events); −Infinity where the data are impossible. */
export function logLikelihood({ events, trials }: Proportion, rate: number): number {
  const others = trials - events;
  return (events > 0 ? events * Math.log(rate) : 0) + (others > 0 ? others * Math.log1p(-rate) : 0);
}

/**
 * ln of the likelihood averaged over a Beta(0.1, 1) prior: nearly flat in the logarithm of the rate, since error rates
 * between one in a million and one half are all usual; it costs ½ ln(events) + 2 or so against the best rate.
 */
export function logMarginal({ events, trials }: Proportion): number {
  return logBeta(events + PRIOR, trials - events + 1) - logBeta(PRIOR, 1);
}

const PRIOR = 0.1;

/**
 * Bounds of one rate that hold at all looks at once with probability 1 − alpha, whenever and however often one looks:
 * the rates whose likelihood exceeds alpha × the marginal likelihood (Ville's inequality for the ratio of the two, a
 * martingale under the true rate).
 */
export function rateBounds(
  proportion: Proportion,
  alpha: number,
): { readonly lower: number; readonly upper: number } {
  const counted = checkedProportion(proportion);
  const rate = counted.trials === 0 ? 0.5 : counted.events / counted.trials;
  const threshold = logMarginal(counted) + Math.log(alpha);
  const inside = (candidate: number): boolean => logLikelihood(counted, candidate) > threshold;
  return {
    lower: inside(0) ? 0 : edge(rate, 0, inside),
    upper: inside(1) ? 1 : edge(rate, 1, inside),
  };
}

/** Where `inside` ends between `from`, which is inside, and `to`, which is not; the outer side of it. */
function edge(from: number, to: number, inside: (rate: number) => boolean): number {
  let [kept, lost] = [from, to];
  for (let i = 0; i < 60 && Math.abs(kept - lost) > 1e-6 * Math.min(kept, 1 - kept); i++) {
    const middle = (kept + lost) / 2;
    if (inside(middle)) kept = middle;
    else lost = middle;
  }
  return lost;
}

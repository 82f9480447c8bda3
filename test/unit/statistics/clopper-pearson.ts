import { logBeta } from '../../../src/lib/statistics/log-gamma.js';

/**
 * The one-sided upper bound of Clopper and Pearson for a rate of which `events` of `trials` were seen: the rate at which so
 * few are just as unlikely as `alpha`.
 */
export function upperBound(events: number, trials: number, alpha = 0.05): number {
  let [low, high] = [events / trials, 1];
  for (let i = 0; i < 50; i++) {
    const middle = (low + high) / 2;
    if (atMost(events, trials, middle) > alpha) low = middle;
    else high = middle;
  }
  return high;
}

/** Probability of at most `events` of `trials`, summed term by term. */
function atMost(events: number, trials: number, rate: number): number {
  let sum = 0;
  for (let k = 0; k <= events; k++) sum += Math.exp(logMass(k, trials, rate));
  return sum;
}

export function logMass(events: number, trials: number, rate: number): number {
  const ways = -Math.log(trials + 1) - logBeta(events + 1, trials - events + 1);
  const ofEvents = events === 0 ? 0 : events * Math.log(rate);
  return ways + ofEvents + (events === trials ? 0 : (trials - events) * Math.log1p(-rate));
}

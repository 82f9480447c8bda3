import { logGamma } from '../../../src/lib/statistics/log-gamma.js';
import type { Random } from '../../random.js';

// The benchmark of the judgement takes them from here.
export { type Random, seeded } from '../../random.js';

/** Exact: counting from zero for small means, else the rejection of Hörmann (1993, algorithm BTRS). */
export function binomial(random: Random, trials: number, rate: number): number {
  if (trials === 0 || rate <= 0) return 0;
  if (rate >= 1) return trials;
  if (rate > 0.5) return trials - binomial(random, trials, 1 - rate);
  return trials * rate < 10 ? byCounting(random, trials, rate) : byRejection(random, trials, rate);
}

function byCounting(random: Random, trials: number, rate: number): number {
  const odds = rate / (1 - rate);
  let mass = Math.exp(trials * Math.log1p(-rate));
  let left = random();
  let events = 0;
  while (left > mass && events < trials) {
    left -= mass;
    events++;
    mass *= (odds * (trials - events + 1)) / events;
  }
  return events;
}

function byRejection(random: Random, trials: number, rate: number): number {
  const spread = Math.sqrt(trials * rate * (1 - rate));
  const b = 1.15 + 2.53 * spread;
  const a = -0.0873 + 0.0248 * b + 0.01 * rate;
  const center = trials * rate + 0.5;
  const alpha = (2.83 + 5.1 / b) * spread;
  const squeeze = 0.92 - 4.2 / b;
  const logOdds = Math.log(rate / (1 - rate));
  const mode = Math.floor((trials + 1) * rate);
  const atMode = logGamma(mode + 1) + logGamma(trials - mode + 1);
  for (;;) {
    const u = random() - 0.5;
    const v = random();
    const us = 0.5 - Math.abs(u);
    const events = Math.floor(((2 * a) / us + b) * u + center);
    if (events < 0 || events > trials) continue;
    if (us >= 0.07 && v <= squeeze) return events;
    const logV = Math.log((v * alpha) / (a / (us * us) + b));
    const logMass = atMode - logGamma(events + 1) - logGamma(trials - events + 1) + (events - mode) * logOdds;
    if (logV <= logMass) return events;
  }
}

export function beta(random: Random, a: number, b: number): number {
  const [x, y] = [gamma(random, a), gamma(random, b)];
  return x / (x + y);
}

/** Marsaglia and Tsang (2000). */
function gamma(random: Random, shape: number): number {
  if (shape < 1) return gamma(random, shape + 1) * random() ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = normal(random);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
}

/** A stationary first-order autoregression of variance 1, whose neighbours are correlated at `persistence`. */
export function autoregression(random: Random, persistence: number): () => number {
  let level = normal(random);
  return () => {
    const now = level;
    level = persistence * level + Math.sqrt(1 - persistence ** 2) * normal(random);
    return now;
  };
}

/** Uniform in the logarithm. */
export function between(random: Random, low: number, high: number): number {
  return low * (high / low) ** random();
}

export function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[Math.floor(random() * choices.length)]!;
}

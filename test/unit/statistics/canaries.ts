import { designEffect } from '../../../src/lib/statistics/design-effect.js';
import { verdictOf } from '../../../src/lib/statistics/difference.js';
import type { Proportion } from '../../../src/lib/statistics/proportion.js';
import { beta, between, binomial, pick, type Random } from './sampling.js';

/** What a step judges: a rate of the stable version, how much more is allowed, and how much more there is. */
export interface Metric {
  readonly rate: number;
  readonly tolerance: number;
  readonly increase: number;
}

export interface Canary {
  readonly metrics: readonly Metric[];
  /** The canary's share of the requests, a step each. */
  readonly shares: readonly number[];
  /** Of both versions, between two looks. */
  readonly requests: number;
  /** At most, in a step. */
  readonly looks: number;
  /** How many there are, and the coefficient of variation of their rates. Without: all alike. */
  readonly replicas?: { readonly stable: number; readonly canary: number; readonly spread: number };
  /** Whether both versions fail together now and then. */
  readonly outages: boolean;
}

export interface Levels {
  readonly falseAbort: number;
  readonly falsePromotion: number;
}

export type Verdict = typeof verdictOf;

export type Outcome = 'aborted' | 'promoted' | 'open';

/** One rollout from its first request to its end, judged as `canary` does. */
export function roll(random: Random, canary: Canary, levels: Levels, verdict: Verdict = verdictOf): Outcome {
  const alphas = {
    falseAbort: levels.falseAbort / (canary.metrics.length * canary.shares.length),
    falsePromotion: levels.falsePromotion,
  };
  const replicas = canary.metrics.map((metric) => ({
    stable: replicaRates(random, metric.rate, canary.replicas?.stable, canary.replicas?.spread),
    canary: replicaRates(
      random,
      metric.rate + metric.increase,
      canary.replicas?.canary,
      canary.replicas?.spread,
    ),
  }));
  for (const share of canary.shares) {
    const outcome = judgeStep(random, canary, share, replicas, alphas, verdict);
    if (outcome !== 'promoted') return outcome;
  }
  return 'promoted';
}

interface Rates {
  readonly stable: readonly number[];
  readonly canary: readonly number[];
}

function judgeStep(
  random: Random,
  { metrics, requests, looks, outages }: Canary,
  share: number,
  rates: readonly Rates[],
  alphas: Levels,
  verdictOn: Verdict,
): Outcome {
  const counts = rates.map(({ stable, canary }) => ({ stable: none(stable), canary: none(canary) }));
  let outage = 0;
  for (let look = 1; look <= looks; look++) {
    if (outages) outage = random() < 0.15 ? between(random, 0.01, 0.5) : 0;
    const toCanary = binomial(random, requests, share);
    rates.forEach(({ stable, canary }, i) => {
      count(random, counts[i]!.stable, stable, requests - toCanary, outage);
      count(random, counts[i]!.canary, canary, toCanary, outage);
    });
    const verdicts = metrics.map(({ tolerance }, i) => {
      const { stable, canary } = counts[i]!;
      const divisor = stable.length + canary.length > 2 ? designEffect([stable, canary]) : 1;
      return verdictOn(total(stable, divisor), total(canary, divisor), { tolerance, share, ...alphas });
    });
    if (verdicts.includes('worse')) return 'aborted';
    if (verdicts.every((verdict) => verdict === 'no-worse')) return 'promoted';
  }
  return 'open';
}

type Count = { -readonly [key in keyof Proportion]: Proportion[key] };

function none(rates: readonly number[]): Count[] {
  return rates.map(() => ({ events: 0, trials: 0 }));
}

function count(
  random: Random,
  counts: Count[],
  rates: readonly number[],
  requests: number,
  outage: number,
): void {
  counts.forEach((counted, i) => {
    const trials =
      Math.round((requests * (i + 1)) / rates.length) - Math.round((requests * i) / rates.length);
    counted.trials += trials;
    counted.events += binomial(random, trials, Math.min(1, rates[i]! + outage));
  });
}

function total(counts: readonly Proportion[], divisor: number): Proportion {
  return {
    events: counts.reduce((sum, { events }) => sum + events, 0) / divisor,
    trials: counts.reduce((sum, { trials }) => sum + trials, 0) / divisor,
  };
}

/** Beta-distributed around the version's rate. */
function replicaRates(random: Random, rate: number, replicas = 1, spread = 0): number[] {
  const concentration = (1 - rate) / (rate * spread ** 2) - 1;
  return Array.from({ length: replicas }, () =>
    spread === 0 || concentration <= 0
      ? rate
      : beta(random, rate * concentration, (1 - rate) * concentration),
  );
}

/** How much worse than stable the canary is: 'edge' is the worst that the tolerance allows. */
export type Health = 'equal' | 'better' | 'edge' | 'just beyond' | 'beyond';

/** A rollout as they come: from 50 to 50,000 requests a look, error rates from 0.01 % to 10 %, 1 to 50 % canary. */
export function randomCanary(
  random: Random,
  health: Health,
  { simple = false, replicas = false, outages = false } = {},
): Canary {
  const size = (most: number): number => (simple ? 1 : 1 + Math.floor(random() * most));
  const metrics = Array.from({ length: size(3) }, (_, i) => {
    const rate = between(random, 1e-4, 0.1);
    const tolerance = pick(random, [0.001, 0.005, 0.01, 0.02]);
    const increase = {
      equal: 0,
      better: -rate / 2,
      edge: tolerance,
      'just beyond': tolerance * (1 + 1e-9),
      beyond: tolerance * pick(random, [1.5, 2, 5, 20]),
    }[health];
    return { rate, tolerance, increase: i === 0 ? increase : 0 };
  });
  const shares = [0.01, 0.05, 0.1, 0.25, 0.5];
  const steps = size(5);
  const first = Math.floor(random() * (shares.length - steps + 1));
  const canary = {
    metrics,
    shares: shares.slice(first, first + steps),
    requests: Math.round(between(random, 50, 50_000)),
    looks: 25,
    outages,
  };
  if (!replicas) return canary;
  const spread = pick(random, [0.1, 0.2, 0.4]);
  return {
    ...canary,
    replicas: { stable: 4 + Math.floor(random() * 13), canary: 3 + Math.floor(random() * 6), spread },
  };
}

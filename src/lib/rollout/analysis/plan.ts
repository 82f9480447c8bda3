import { designEffect } from '../../statistics/design-effect.js';
import { requestsNeeded } from '../../statistics/requests-needed.js';
import type { AnalysisSpec, CanarySpec } from '../spec.js';
import { countAbove, quantileBound, totalOf } from './buckets.js';
import { judgedMetrics, slowMargin } from './judge.js';
import type { Meter } from './measurements.js';

/** How traffic is now. */
export interface Rates {
  /** Requests a second of both versions together; of each of them where metrify probes. */
  readonly perSecond: number;
  /** Whether each version gets `perSecond` whatever the weights, and only while metrify looks. */
  readonly probed: boolean;
  /** Stable's share of failures. */
  readonly errorRate: number;
  /** Stable's share of requests above its latency bound. */
  readonly slowShare: number;
  readonly designEffect: number;
}

export interface PlannedStep {
  /** Weight of the canary in percent. */
  readonly percent: number;
  /** Requests until a canary that equals stable passes, four times out of five; Infinity: never. Undefined: not judged. */
  readonly canaryRequests: number | undefined;
  /** Of both versions. */
  readonly totalRequests: number | undefined;
  /** At the current rates and not below the interval; Infinity without traffic. Of probing: time spent in looks. */
  readonly ms: number;
  /** Longer than `maxStepDuration`: the step would end inconclusive. */
  readonly tooLong: boolean;
}

const recentMs = 300_000;

/**
 * The rates of the last five minutes; undefined where nothing is known of them. A meter that probes is not asked.
 * @param now milliseconds since the epoch
 * @throws like Meter.look
 */
export async function currentRates(
  meter: Meter,
  spec: AnalysisSpec,
  now: number,
  signal: AbortSignal,
): Promise<Rates | undefined> {
  const slowShare = 1 - spec.latencyQuantile;
  if (!meter.remembers)
    return (
      spec.probe && { perSecond: spec.probe.rate, probed: true, errorRate: 0, slowShare, designEffect: 1 }
    );
  const { counts } = await meter.look(now - recentMs, undefined, signal);
  const { stable, canary } = counts;
  if (stable.requests === undefined) return undefined;
  const bound = stable.latency && quantileBound(stable.latency, spec.latencyQuantile);
  const slow = bound === undefined ? undefined : countAbove(stable.latency!, bound);
  return {
    perSecond: (stable.requests + (canary.requests ?? 0)) / (recentMs / 1000),
    probed: false,
    errorRate: stable.requests > 0 ? stable.errors / stable.requests : 0,
    slowShare: slow === undefined ? slowShare : slow / totalOf(stable.latency!),
    designEffect: designEffect([
      stable.replicas.map(({ requests, errors }) => ({ events: errors, trials: requests })),
    ]),
  };
}

/** How many requests each step needs, and so how long it takes. */
export function planSteps(
  spec: AnalysisSpec,
  { steps, intervalMs, maxStepDurationMs }: Pick<CanarySpec, 'steps' | 'intervalMs' | 'maxStepDurationMs'>,
  rates: Rates,
): PlannedStep[] {
  return steps.map((percent) => {
    // With all of the traffic there is nothing to compare with.
    if (percent >= 100)
      return { percent, canaryRequests: undefined, totalRequests: undefined, ms: 0, tooLong: false };
    const share = rates.probed ? 0.5 : percent / 100;
    const total = totalNeeded(spec, rates, share);
    const perSecond = rates.probed ? 2 * rates.perSecond : rates.perSecond;
    const ms = Math.max(intervalMs, perSecond > 0 ? (1000 * total) / perSecond : Infinity);
    return {
      percent,
      canaryRequests: Math.ceil(total * share),
      totalRequests: Math.ceil(total),
      ms,
      tooLong: ms > maxStepDurationMs,
    };
  });
}

function totalNeeded(spec: AnalysisSpec, rates: Rates, share: number): number {
  const { falsePromotion, minRequests, maxErrorIncrease } = spec;
  const needed = (errorRate: number, tolerance: number) =>
    requestsNeeded({ errorRate, tolerance, share, falsePromotion }).total * rates.designEffect;
  const judged = judgedMetrics(spec);
  return Math.max(
    minRequests / Math.min(share, 1 - share),
    judged.errors ? needed(rates.errorRate, maxErrorIncrease) : 0,
    judged.latency ? needed(rates.slowShare, slowMargin) : 0,
  );
}

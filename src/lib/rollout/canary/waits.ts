import { counted, formatCount, formatDuration } from '../../core/units.js';
import { requestsNeeded } from '../../statistics/requests-needed.js';
import type { CheckResult } from '../analysis/judgement.js';
import type { AnalysisSpec, CanarySpec } from '../spec.js';
import type { RolloutState } from '../state.js';
import { elapsed } from './decide.js';

/** Of the plan, what says how long a step takes; whoever only looks at a route may know nothing of it. */
export interface WaitingPlan {
  readonly canary: Pick<CanarySpec, 'intervalMs'> | undefined;
  readonly analysis?:
    Pick<AnalysisSpec, 'falsePromotion' | 'requests' | 'minRequests' | 'latencyQuantile'> | undefined;
}

/**
 * What a running step waits for, each with what there is and what is needed: `2m of at least 5m in this step`, `412 of
 * about 2,900 requests`. Empty when nothing runs, or the next look will continue. Pure.
 */
export function waitsFor(state: RolloutState, plan: WaitingPlan, now: number): string[] {
  if (state.kind !== 'canary' || state.phase !== 'progressing') return [];
  const ran = elapsed(state, now);
  const interval =
    plan.canary === undefined || ran >= plan.canary.intervalMs
      ? []
      : [`${formatDuration(ran)} of at least ${formatDuration(plan.canary.intervalMs)} in this step`];
  const open = state.checks.filter(({ verdict }) => verdict !== 'passed');
  const counting = open.filter(isCounting);
  // What a verdict needs is more than the least that is asked of each version.
  const others = open.filter(
    (check) => !counting.includes(check) && !(counting.length > 0 && isLeast(check)),
  );
  return [...interval, ...moreRequests(counting, state, plan), ...others.map(described)];
}

/** Checks that only need more requests are one wait: for as many as the slowest of them takes. */
function moreRequests(
  counting: readonly CheckResult[],
  { weights }: RolloutState,
  { analysis }: WaitingPlan,
): string[] {
  if (counting.length === 0) return [];
  const names = counting.map(({ name }) => name).join(' and ');
  // Metrify's own probes go to both alike.
  const share = analysis?.requests === undefined ? 0.5 : weights.canary / 100;
  const counts = counting.flatMap(({ name, numbers }) => {
    if (numbers?.stableOf === undefined || analysis === undefined) return [];
    const { stable, stableOf, canaryOf, tolerance, designEffect } = numbers;
    // A few requests may all be fast, of which the next ones will not be.
    const least = name === 'latency' ? 1 - analysis.latencyQuantile : 0;
    const aim = {
      errorRate: Math.max(least, stable! / stableOf),
      tolerance: tolerance!,
      share,
      falsePromotion: analysis.falsePromotion,
    };
    const needed = requestsNeeded(aim).total * designEffect!;
    const each = analysis.minRequests / Math.min(share, 1 - share);
    return [{ has: canaryOf! + stableOf, needed: Math.max(needed, each) }];
  });
  const [slowest] = counts.sort((a, b) => b.needed - a.needed);
  if (slowest === undefined || !Number.isFinite(slowest.needed)) return [`a verdict on ${names}`];
  const { has, needed } = slowest;
  if (has < needed) return [`${formatCount(has)} of about ${counted(rounded(needed), 'request')}`];
  return [`a verdict on ${names}, which needs more than the usual ${counted(rounded(needed), 'request')}`];
}

function isCounting({ verdict, name }: CheckResult): boolean {
  return verdict === 'waiting' && (name === 'errors' || name === 'latency');
}

function isLeast({ verdict, name }: CheckResult): boolean {
  return verdict === 'waiting' && name === 'requests';
}

function described({ name, observed, limit }: CheckResult): string {
  return `${name}: ${observed}${observed === limit ? '' : ` (${limit})`}`;
}

function rounded(count: number): number {
  return Number(count.toPrecision(2));
}

import { type Proportion, rateBounds } from '../../statistics/proportion.js';
import { counted, formatCount, formatDuration } from '../../core/units.js';
import type { AnalysisSpec } from '../spec.js';
import { countAbove, sameBounds, totalOf } from './buckets.js';
import { type Checked, compare, divided, type Levels, points, rate } from './compare.js';
import {
  type ArmNames,
  type CheckResult,
  type CheckVerdict,
  type Judgement,
  type LatencyBounds,
  roleNames,
} from './judgement.js';
import { describeBounds, fixBounds, seconds } from './latency-bounds.js';
import type { BothMeasurements, Buckets, Measurements } from './measurements.js';

export interface JudgingPlan {
  /** Steps that are judged: `falseAbort` is shared among them. */
  readonly steps: number;
  /** Fixed before the step began; undefined: they could not be. */
  readonly bounds: LatencyBounds | undefined;
  /** The canary's share of the requests as its weight has it, 0 to 1. Speed depends on it, correctness does not. */
  readonly share?: number;
  /** What the texts call the two; by default their roles. */
  readonly names?: ArmNames;
}

/** By how much the canary's share of slow requests may exceed stable's. */
export const slowMargin = 0.02;

/** The verdict on a step from all that both versions did since it began. May be asked at any time, any number of times. */
export function judge(spec: AnalysisSpec, counts: BothMeasurements, plan: JudgingPlan): Judgement {
  const judged = judgedMetrics(spec);
  const names = plan.names ?? roleNames;
  const metrics = Number(judged.errors) + Number(judged.latency);
  const levels: Levels = {
    falseAbort: spec.falseAbort / Math.max(1, metrics * plan.steps),
    falsePromotion: spec.falsePromotion,
    share: Math.min(0.999, Math.max(0.001, plan.share ?? 0.5)),
  };
  const results: Checked[] = [{ check: requestsCheck(spec, counts, names), warnings: [] }];
  if (judged.errors) results.push(errorsCheck(spec, counts, levels, names));
  if (judged.latency) results.push(latencyCheck(spec, counts, plan.bounds, levels, names));
  const checks = results.map(({ check }) => check);
  const warnings = results.flatMap((result) => result.warnings);
  if (counts.stable.extrapolated || counts.canary.extrapolated)
    warnings.push(
      'an expression is taken as Prometheus extrapolates it: approximate, and blind to the first error of a new series; sum(increase(SELECTOR[{{window}}])) is counted exactly',
    );
  return { verdict: overall(checks), checks, warnings };
}

/** Which metrics a rollout is judged by; metrify's own probes measure both. */
export function judgedMetrics(spec: AnalysisSpec): {
  readonly errors: boolean;
  readonly latency: boolean;
} {
  const probed = spec.requests === undefined;
  return { errors: probed || spec.errors !== undefined, latency: probed || spec.latency !== undefined };
}

/** Evidence against the canary counts whatever else is missing; a pass needs every check to pass on data that still come. */
function overall(checks: readonly CheckResult[]): Judgement['verdict'] {
  const has = (...verdicts: CheckVerdict[]) => checks.some(({ verdict }) => verdicts.includes(verdict));
  if (has('failed')) return 'reject';
  if (has('no-data', 'inconclusive')) return 'no-data';
  return has('waiting') ? 'wait' : 'pass';
}

function requestsCheck(
  { minRequests }: AnalysisSpec,
  counts: BothMeasurements,
  names: ArmNames,
): CheckResult {
  const limit = `at least ${formatCount(minRequests)} each`;
  const missing = (['canary', 'stable'] as const).flatMap((arm) => absence(names[arm], counts[arm]) ?? []);
  const [canary, stable] = [counts.canary.requests ?? 0, counts.stable.requests ?? 0];
  const numbers = { canary, stable };
  if (missing.length > 0)
    return { name: 'requests', verdict: 'no-data', observed: missing.join('; '), limit, numbers };
  return {
    name: 'requests',
    verdict: Math.min(canary, stable) >= minRequests ? 'passed' : 'waiting',
    observed: `${names.canary} ${formatCount(canary)}, ${names.stable} ${formatCount(stable)}`,
    limit,
    numbers,
  };
}

function absence(name: string, { requests, silentForMs }: Measurements): string | undefined {
  if (requests === undefined) return `${name}: no series of requests`;
  if (silentForMs !== undefined)
    return `${name}: the series stopped ${formatDuration(silentForMs)} ago, after ${counted(requests, 'request')}`;
  return requests <= 0 ? `${name}: no requests since the step began` : undefined;
}

function errorsCheck(spec: AnalysisSpec, counts: BothMeasurements, levels: Levels, names: ArmNames): Checked {
  const tolerance = spec.maxErrorIncrease;
  const limit = `an increase of at most ${points(tolerance)}`;
  const arm = ({ requests = 0, errors }: Pick<Measurements, 'requests' | 'errors'>): Proportion => ({
    events: Math.max(0, errors),
    trials: Math.max(0, requests),
  });
  const replicas = (['stable', 'canary'] as const).map((name) => counts[name].replicas.map(arm));
  const compared = compare(
    'errors',
    arm(counts.stable),
    arm(counts.canary),
    replicas,
    tolerance,
    limit,
    levels,
  );
  const effect = compared.check.numbers?.designEffect ?? 1;
  const stable = divided(arm(counts.stable), effect);
  const warnings = [...compared.warnings];
  const sick = stable.trials > 0 ? rateBounds(stable, 0.05).lower : 0;
  if (sick > tolerance)
    warnings.push(
      `${names.stable} itself is unhealthy: ${rate(stable)} of its requests fail; ${names.canary} is only asked to be no worse`,
    );
  return { check: compared.check, warnings };
}

function latencyCheck(
  spec: AnalysisSpec,
  { stable, canary }: BothMeasurements,
  bounds: LatencyBounds | undefined,
  levels: Levels,
  names: ArmNames,
): Checked {
  const result = (verdict: CheckVerdict, observed: string, limit: string): Checked => ({
    check: { name: 'latency', verdict, observed, limit },
    warnings: verdict === 'inconclusive' ? [`latency: ${observed}`] : [],
  });
  const limit = bounds ? describeBounds(spec, bounds, names) : 'bounds that are fixed before the step';
  for (const [name, { latencyProblem }] of [
    [names.stable, stable],
    [names.canary, canary],
  ] as const)
    if (latencyProblem !== undefined) return result('inconclusive', `${name}: ${latencyProblem}`, limit);
  const [base, ours] = [stable.latency, canary.latency];
  if (base === undefined || ours === undefined || totalOf(base) === 0 || totalOf(ours) === 0) {
    const name = ours === undefined || totalOf(ours) === 0 ? names.canary : names.stable;
    return result('no-data', `${name}: no latencies since the step began`, limit);
  }
  if (!sameBounds(base, ours))
    return result('inconclusive', "the versions' histograms differ in their buckets", limit);
  if (bounds === undefined) {
    const fixed = fixBounds(spec, base, names);
    return fixed.bounds === undefined
      ? result('inconclusive', fixed.text, limit)
      : result('inconclusive', `${names.stable} had no latencies when the step began`, limit);
  }
  const above = (buckets: Buckets, bound: number): Proportion | undefined => {
    const events = countAbove(buckets, bound);
    return events === undefined ? undefined : { events, trials: totalOf(buckets) };
  };
  const [slowBase, slowOurs] = [above(base, bounds.stable), above(ours, bounds.canary)];
  if (slowBase === undefined || slowOurs === undefined)
    return result('inconclusive', 'the buckets are others than when the step began', limit);
  const replicas = [
    stable.latencyReplicas.flatMap((one) => above(one, bounds.stable) ?? []),
    canary.latencyReplicas.flatMap((one) => above(one, bounds.canary) ?? []),
  ];
  const margin = `${limit}; at most ${points(slowMargin)} more of its requests above`;
  const what = { stable: ` above ${seconds(bounds.stable)}`, canary: ` above ${seconds(bounds.canary)}` };
  const compared = compare('latency', slowBase, slowOurs, replicas, slowMargin, margin, levels, what);
  const numbers = { ...compared.check.numbers, stableBound: bounds.stable, canaryBound: bounds.canary };
  return { check: { ...compared.check, numbers }, warnings: compared.warnings };
}

import { formatDuration, formatPercent } from '../../core/units.js';
import type { AnalysisSpec } from '../spec.js';
import { quantileBound } from './buckets.js';
import { type ArmNames, type LatencyBounds, roleNames } from './judgement.js';
import type { Buckets } from './measurements.js';

export interface FixedBounds {
  /** Undefined: the buckets cannot tell, `text` says why. */
  readonly bounds: LatencyBounds | undefined;
  /** Both bounds and the tolerance that they amount to, for people. */
  readonly text: string;
  readonly warnings: readonly string[];
}

type Asked = Pick<AnalysisSpec, 'latencyQuantile' | 'maxLatencyIncrease'>;

/** The bounds of a step that is about to begin, from stable's latencies. */
export function fixBounds(asked: Asked, stable: Buckets, names: ArmNames = roleNames): FixedBounds {
  const quantile = quantileName(asked.latencyQuantile);
  const unable = (text: string): FixedBounds => ({ bounds: undefined, text, warnings: [text] });
  const b = quantileBound(stable, asked.latencyQuantile);
  if (b === undefined) return unable(`${names.stable} has no latencies to compare ${names.canary}'s with`);
  if (b === Infinity || b <= 0)
    return unable(
      b === Infinity
        ? `${names.stable}'s ${quantile} is above the largest bucket, ${seconds(stable.bounds.at(-2) ?? 0)}: latency cannot be judged; add larger buckets`
        : `${names.stable}'s ${quantile} is in the bucket of ${b}: latency cannot be judged; add smaller buckets`,
    );
  // A product such as 0.1 × 1.1 may exceed the bucket's own bound by its last digit.
  const limit = b * (1 + asked.maxLatencyIncrease) * (1 - 1e-9);
  const b2 = stable.bounds.find((bound) => bound >= limit)!;
  if (b2 === Infinity)
    return unable(
      `${names.stable}'s ${quantile} is at most ${seconds(b)}, and no bucket but +Inf is at or above ${seconds(b * (1 + asked.maxLatencyIncrease))}: latency cannot be judged; add larger buckets`,
    );
  const bounds = { stable: b, canary: b2 };
  const text = describeBounds(asked, bounds, names);
  const warnings = isCoarse(asked, bounds)
    ? [
        `the latency's buckets are coarse: ${text}. Buckets nearer to ${seconds(b * (1 + asked.maxLatencyIncrease))} would tell more`,
      ]
    : [];
  return { bounds, text, warnings };
}

/** `stable's p95 ≤ 200ms, canary's ≤ 250ms: a tolerance of 25%`. */
export function describeBounds(
  asked: Asked,
  { stable, canary }: LatencyBounds,
  names: ArmNames = roleNames,
): string {
  const quantile = quantileName(asked.latencyQuantile);
  const effective = percent(canary / stable - 1);
  const wanted = percent(asked.maxLatencyIncrease);
  return `${names.stable}'s ${quantile} ≤ ${seconds(stable)}, ${names.canary}'s ≤ ${seconds(canary)}: a tolerance of ${effective}${effective === wanted ? '' : ` where ${wanted} was asked`}`;
}

/** The buckets allow more than one and a half times what was asked. */
function isCoarse({ maxLatencyIncrease }: Asked, { stable, canary }: LatencyBounds): boolean {
  return canary / stable - 1 > Math.max(1.5 * maxLatencyIncrease, 0.01);
}

export function quantileName(quantile: number): string {
  return `p${Number((quantile * 100).toFixed(3))}`;
}

export function seconds(value: number): string {
  return formatDuration(value * 1000);
}

function percent(share: number): string {
  return formatPercent(
    share,
    share < 0.095 && Math.abs(share * 100 - Math.round(share * 100)) > 0.05 ? 1 : 0,
  );
}

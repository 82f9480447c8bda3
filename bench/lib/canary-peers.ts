import type { Proportion } from '../../src/lib/statistics/proportion.js';

/** What was counted up to a look, and between each two looks. */
export interface Seen {
  readonly stable: Proportion;
  readonly canary: Proportion;
  readonly stableRates: readonly number[];
  readonly canaryRates: readonly number[];
}

/** Rejects a canary at the first look at which the statistic exceeds a critical value. */
export interface Peer {
  readonly name: string;
  /** As people set it, without regard to how often they look. */
  readonly usual: number;
  statistic(seen: Seen, tolerance: number): number;
}

/** One-sided at 1 %. */
const onePercent = 2.326;

const zTest: Peer = {
  name: 'z-test',
  usual: onePercent,
  statistic({ stable, canary }, tolerance) {
    const [p, q] = [stable.events / stable.trials, canary.events / canary.trials];
    const pooled = (stable.events + canary.events) / (stable.trials + canary.trials);
    const variance =
      tolerance === 0
        ? pooled * (1 - pooled) * (1 / stable.trials + 1 / canary.trials)
        : (p * (1 - p)) / stable.trials + (q * (1 - q)) / canary.trials;
    return variance > 0 ? (q - p - tolerance) / Math.sqrt(variance) : 0;
  },
};

/** Error rates apart by more than a fixed difference, once the canary has had enough requests. */
function threshold(minimum: number): Peer {
  return {
    name: `threshold from ${minimum.toLocaleString('en')}`,
    usual: 0,
    statistic: ({ stable, canary }, tolerance) =>
      canary.trials < minimum
        ? -Infinity
        : canary.events / canary.trials - stable.events / stable.trials - tolerance,
  };
}

/**
 * Kayenta's judge on the error rates between looks: Mann-Whitney at 98 %, where the shift must exceed a quarter of the
 * Hodges-Lehmann estimate of itself, and the mean be higher. The tolerance is taken off first, so that it is asked the same.
 */
const mannWhitney: Peer = {
  name: 'Mann-Whitney',
  usual: onePercent,
  statistic({ stableRates, canaryRates }, tolerance) {
    const canary = canaryRates.map((rate) => rate - tolerance);
    if (canary.length < 3 || mean(canary) <= mean(stableRates)) return -Infinity;
    const plain = rankScore(canary, stableRates);
    // The shift only lowers it, and nobody's critical value is as low as this.
    if (plain < 1.5) return plain;
    const shift = 0.25 * Math.abs(hodgesLehmann(canary, stableRates));
    return rankScore(
      canary.map((rate) => rate - shift),
      stableRates,
    );
  },
};

export const peers: readonly Peer[] = [
  mannWhitney,
  threshold(100),
  threshold(1000),
  threshold(10_000),
  zTest,
];

/** The rank sum of `high` among both as a standard normal: corrected for ties and continuity. */
function rankScore(high: readonly number[], low: readonly number[]): number {
  const all = [...high, ...low].map((value, i) => ({ value, isHigh: i < high.length }));
  all.sort((a, b) => a.value - b.value);
  let [rankSum, ties] = [0, 0];
  for (let from = 0, to = 0; from < all.length; from = to) {
    while (to < all.length && all[to]!.value === all[from]!.value) to++;
    const rank = (from + 1 + to) / 2;
    for (let i = from; i < to; i++) if (all[i]!.isHigh) rankSum += rank;
    ties += (to - from) ** 3 - (to - from);
  }
  const [m, n] = [high.length, low.length];
  const u = rankSum - (m * (m + 1)) / 2;
  const variance = ((m * n) / 12) * (m + n + 1 - ties / ((m + n) * (m + n - 1)));
  return variance > 0 ? (u - (m * n) / 2 - 0.5) / Math.sqrt(variance) : 0;
}

/** The median of all differences. */
function hodgesLehmann(high: readonly number[], low: readonly number[]): number {
  const differences = Float64Array.from(high.flatMap((a) => low.map((b) => a - b))).sort();
  const half = differences.length >> 1;
  return differences.length % 2 === 1
    ? differences[half]!
    : (differences[half - 1]! + differences[half]!) / 2;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

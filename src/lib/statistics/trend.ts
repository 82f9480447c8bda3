import { studentQuantile } from './student-t.js';

export interface Point {
  /** In any unit; slopes are per one of it. */
  readonly at: number;
  readonly value: number;
}

export interface TrendOptions {
  /** The rise over the whole time that matters, as a share of where the series begins; 0.05 unless said. */
  readonly relative?: number;
  /** The least rise that matters, in the unit of the values; 0 unless said. For what begins at nothing, such as an error rate. */
  readonly absolute?: number;
  /**
   * `level`, unless said: the medians of stretches of the time. `floor`: their minima, for memory, which a garbage collector
   * lets rise and fall; it must have run ten times or so for a verdict.
   */
  readonly of?: 'level' | 'floor';
  /** The first share of the time, which is left out as warm-up; 0.1 unless said. */
  readonly warmUp?: number;
  /** Probability that the interval of the slope misses the true one; 0.05 unless said, half of it on each side. */
  readonly alpha?: number;
}

export interface Trend {
  /**
   * `rising`: by chance it would not, and the rise is one that matters. `steady`: its interval has no such rise (it may fall), or no
   * two values are so far apart.
   */
  readonly verdict: 'rising' | 'steady' | 'unclear';
  /** Per unit of `at`, with its interval, whose ends may be infinite. */
  readonly slope: number;
  readonly interval: { readonly lower: number; readonly upper: number };
  /** slope × time from the first point that counts to the last. */
  readonly rise: number;
  /** The rise that matters, in the unit of the values. */
  readonly matters: number;
  /** Where the fitted line begins, after the warm-up. */
  readonly begins: number;
}

/** Of a series that is judged at all. */
const fewestPoints = 10;
const unbounded = { lower: -Infinity, upper: Infinity };
/** So many stretches stand for a longer series: enough to see a trend, and their noise is nearly independent. */
const stretches = { level: 24, floor: 12 };

/**
 * Whether a series rises, in the order of time. The slope is the median of all slopes between two points (Theil 1950; Sen 1968),
 * which single outliers do not move. Its interval is that of Sen, from the variance of Kendall's S (Mann 1945), ties
 * allowed for, times the factor by which correlation of the ranks about the slope enlarges it (Hamed and Rao 1998). Student's t
 * stands in for the normal distribution, since that factor is an estimate.
 */
export function trendOf(points: readonly Point[], options: TrendOptions = {}): Trend {
  const { relative = 0.05, absolute = 0, of = 'level', warmUp = 0.1, alpha = 0.05 } = options;
  const series = ofStretches(afterWarmUp(points, warmUp), of);
  const n = series.length;
  const slopes = slopesOf(series);
  if (slopes.length === 0) return nothing(series[0]?.value ?? 0, absolute);
  const slope = middle(slopes);
  const first = series[0]!.at;
  const time = series[n - 1]!.at - first;
  const begins = middle(ascending(series.map(({ at, value }) => value - slope * (at - first))));
  const matters = Math.max(absolute, relative * Math.abs(begins));
  const deviation = Math.sqrt(varianceOfS(series) * inflation(series, slope));
  const bounded = (quantile: number) =>
    intervalOf(slopes, deviation * quantile) ?? intervalOfWalk(series, slope, quantile);
  const interval = n < fewestPoints ? unbounded : bounded(studentQuantile(1 - alpha / 2, n - 2));
  const rise = slope * time;
  const values = series.map(({ value }) => value);
  const within = n >= fewestPoints && Math.max(...values) - Math.min(...values) <= matters;
  const steady = within || interval.upper * time <= matters;
  const verdict = steady ? 'steady' : interval.lower > 0 && rise > matters ? 'rising' : 'unclear';
  return { verdict, slope, interval, rise, matters, begins };
}

function nothing(begins: number, matters: number): Trend {
  return { verdict: 'unclear', slope: 0, interval: unbounded, rise: 0, matters, begins };
}

function afterWarmUp(points: readonly Point[], share: number): Point[] {
  const inTime = [...points].sort((one, other) => one.at - other.at);
  if (inTime.length === 0) return [];
  const [first, last] = [inTime[0]!.at, inTime.at(-1)!.at];
  return inTime.filter(({ at }) => at >= first + share * (last - first));
}

/** Of stretches of equally many points; a short series as it is. */
function ofStretches(series: readonly Point[], of: 'level' | 'floor'): readonly Point[] {
  const count = stretches[of];
  if (series.length < 2 * count) return series;
  const from = (i: number): number => Math.max(0, Math.round((i * series.length) / count));
  // A minimum is that of half the neighbours, too, so that a slow collector has run within it.
  const more = of === 'floor' ? 0.5 : 0;
  return Array.from({ length: count }, (_, i) => {
    const times = series.slice(from(i), from(i + 1)).map(({ at }) => at);
    const values = ascending(series.slice(from(i - more), from(i + 1 + more)).map(({ value }) => value));
    return { at: middle(times), value: of === 'floor' ? values[0]! : middle(values) };
  });
}

/** Ascending. */
function slopesOf(series: readonly Point[]): number[] {
  return ascending(
    series.flatMap((to, i) =>
      series
        .slice(0, i)
        .filter((from) => to.at > from.at)
        .map((from) => (to.value - from.value) / (to.at - from.at)),
    ),
  );
}

/** Of Kendall's S for independent values, with ties. */
function varianceOfS(series: readonly Point[]): number {
  const part = (n: number): number => n * (n - 1) * (2 * n + 5);
  const ties = new Map<number, number>();
  for (const { value } of series) ties.set(value, (ties.get(value) ?? 0) + 1);
  return [...ties.values()].reduce((left, count) => left - part(count), part(series.length)) / 18;
}

/**
 * Factor of the variance of S; at least 1. The larger of that of all significant correlations, and that of a first-order
 * autoregression: those of a short series come out too small, which only the first one can be corrected for (Hamed 2009).
 */
function inflation(series: readonly Point[], slope: number): number {
  const n = series.length;
  const centered = ranks(series.map(({ at, value }) => value - slope * at)).map((rank) => rank - (n + 1) / 2);
  const squares = centered.reduce((sum, rank) => sum + rank * rank, 0);
  if (squares === 0) return 1;
  const correlation = (lag: number): number =>
    centered.slice(lag).reduce((total, rank, i) => total + rank * centered[i]!, 0) / squares;
  const first = correlation(1);
  // A mean and a slope were taken from the same values (Kendall 1954); half a standard error more, for caution.
  const corrected = Math.min(0.95, first + (2 + 4 * first) / n + 0.5 / Math.sqrt(n));
  let [observed, modelled] = [0, 0];
  for (let lag = 1; lag < n - 2; lag++) {
    const weight = (n - lag) * (n - lag - 1) * (n - lag - 2);
    const here = correlation(lag);
    if (Math.abs(here) > 1.645 / Math.sqrt(n)) observed += weight * here;
    if (corrected > 0) modelled += weight * corrected ** lag;
  }
  return 1 + (2 * Math.max(0, observed, modelled)) / (n * (n - 1) * (n - 2));
}

/** Ties share their mean rank. */
function ranks(values: readonly number[]): number[] {
  const sorted = ascending(values);
  const rankOf = new Map<number, number>();
  for (let i = 0; i < sorted.length; i++) {
    let end = i;
    while (sorted[end + 1] === sorted[i]) end++;
    rankOf.set(sorted[i]!, (i + end) / 2 + 1);
    i = end;
  }
  return values.map((value) => rankOf.get(value)!);
}

/** The two slopes whose ranks are `reach` of S apart, around the median one; undefined where `reach` exceeds their number. */
function intervalOf(slopes: readonly number[], reach: number): { lower: number; upper: number } | undefined {
  const lower = slopes[Math.floor((slopes.length - reach) / 2)];
  const upper = slopes[Math.ceil((slopes.length + reach) / 2)];
  return lower === undefined || upper === undefined ? undefined : { lower, upper };
}

/**
 * An interval by distances, where ranks say nothing: those of a smooth curve about its line are as correlated as can be,
 * however close it is to the line. The distances are taken for a random walk, the worst that they can be: one of n steps of variance σ²
 * has a slope of variance 6σ² ÷ 5n, and is away from its line by a variance of σ²n ÷ 15 (Durlauf and Phillips 1988), so that
 * the slope × time has 18 times the latter.
 */
function intervalOfWalk(
  series: readonly Point[],
  slope: number,
  quantile: number,
): { lower: number; upper: number } {
  const n = series.length;
  const distances = series.map(({ at, value }) => value - slope * at);
  const mean = distances.reduce((sum, distance) => sum + distance, 0) / n;
  const variance = distances.reduce((sum, distance) => sum + (distance - mean) ** 2, 0) / (n - 2);
  const reach = (quantile * Math.sqrt(18 * variance)) / (series[n - 1]!.at - series[0]!.at);
  return { lower: slope - reach, upper: slope + reach };
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((one, other) => one - other);
}

/** Of what is sorted. */
function middle(sorted: readonly number[]): number {
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

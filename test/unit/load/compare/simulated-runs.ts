import { compareRuns, type Comparison } from '../../../../src/lib/load/compare/compare.js';
import type { Plan } from '../../../../src/lib/load/compare/plan.js';
import type { Slice } from '../../../../src/lib/load/compare/slice.js';
import type { OpenLatencies } from '../../../../src/lib/load/tally.js';
import { autoregression, normal, type Random } from '../../statistics/sampling.js';

/** Where the two runs lie in time, and what is the matter with a slice: its own noise, or that of both. */
export interface Scenario {
  readonly name: string;
  readonly latency: 'log-normal' | 'exponential';
  readonly design: 'interleaved' | 'separate';
  readonly noise: 'own' | 'shared';
}

export const scenarios: Scenario[] = [
  { name: 'log-normal, interleaved', latency: 'log-normal', design: 'interleaved', noise: 'own' },
  { name: 'exponential, interleaved', latency: 'exponential', design: 'interleaved', noise: 'own' },
  { name: 'exponential, noise shared', latency: 'exponential', design: 'interleaved', noise: 'shared' },
  { name: 'log-normal, separate', latency: 'log-normal', design: 'separate', noise: 'own' },
];

export const requestsPerSlice = 500;
/** Of the p95 of neighbouring slices of one run. */
const correlation = 0.3;
/** Standard deviation of a slice's level, in the logarithm. */
const levelDeviation = 0.1;
const sigma = 0.5;
const medianMs = 50;

/** Standard deviation of ln p95 of so many independent latencies: √(q(1 − q)/n) ÷ (density × quantile). */
const samplingDeviation = {
  'log-normal': Math.sqrt((0.95 * 0.05) / requestsPerSlice) / (0.10314 / sigma),
  exponential: Math.sqrt((0.95 * 0.05) / requestsPerSlice) / (0.05 * Math.log(20)),
};

export interface Pair {
  readonly a: Slice[];
  readonly b: Slice[];
  /** B's latencies, each slower by a tenth. */
  readonly slower: Slice[];
}

export function simulate(
  random: Random,
  { latency, design, noise }: Scenario,
  slices: number,
  open: OpenLatencies,
): Pair {
  const persistence = correlation * (1 + (samplingDeviation[latency] / levelDeviation) ** 2);
  const draw = latency === 'log-normal' ? () => Math.exp(sigma * normal(random)) : () => -Math.log(random());
  const ofA = autoregression(random, persistence);
  const ofB = noise === 'shared' ? ofA : autoregression(random, persistence);
  const slice = (startMs: number): Slice => ({
    startMs,
    sent: requestsPerSlice,
    errors: 0,
    latencies: open(),
    incomplete: open(),
  });
  const pair: Pair = { a: [], b: [], slower: [] };
  const second = (i: number, isB: number) =>
    1000 * (design === 'interleaved' ? 2 * i + isB : i + isB * slices);
  for (let i = 0; i < slices; i++) {
    const [a, b, slower] = [slice(second(i, 0)), slice(second(i, 1)), slice(second(i, 1))];
    const scale = medianMs * Math.exp(levelDeviation * ofA());
    for (let j = 0; j < requestsPerSlice; j++) a.latencies.record(scale * draw());
    const scaleOfB = medianMs * Math.exp(levelDeviation * ofB());
    for (let j = 0; j < requestsPerSlice; j++) {
      const ms = scaleOfB * draw();
      b.latencies.record(ms);
      slower.latencies.record(1.1 * ms);
    }
    pair.a.push(a);
    pair.b.push(b);
    pair.slower.push(slower);
  }
  return pair;
}

/** What a pilot of 120 slices says is needed to find +10 % at p95. */
export function planFromPilot(random: Random, scenario: Scenario, open: OpenLatencies): Plan {
  const { a, b } = simulate(random, scenario, 120, open);
  return p95Of(compareRuns(a, b, { open })).plan!;
}

export interface Tally {
  readonly slices: number;
  readonly pairs: number;
  /** Pairs of equal runs of which anything at all was said to differ. */
  readonly falseAlarms: number;
  /** Pairs of which B is slower by a tenth, where p95 was found slower. */
  readonly found: number;
}

export function judgeMany(
  random: Random,
  scenario: Scenario,
  slices: number,
  pairs: number,
  open: OpenLatencies,
): Tally {
  let [falseAlarms, found] = [0, 0];
  for (let i = 0; i < pairs; i++) {
    const { a, b, slower } = simulate(random, scenario, slices, open);
    const { conclusion } = compareRuns(a, b, { open });
    if (conclusion === 'worse' || conclusion === 'better') falseAlarms++;
    if (p95Of(compareRuns(a, slower, { open })).verdict === 'slower') found++;
  }
  return { slices, pairs, falseAlarms, found };
}

export function p95Of({ quantiles }: Comparison) {
  return quantiles.find(({ quantile }) => quantile === 0.95)!;
}

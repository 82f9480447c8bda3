import { describe, expect, it } from 'vitest';

import { type Question, refutes } from '../../../src/lib/statistics/difference-test.js';
import type { Proportion } from '../../../src/lib/statistics/proportion.js';
import { between, pick, seeded } from './sampling.js';

describe('refutes', () => {
  // The region as its description has it, on a grid of the control's rate so dense that nothing is missed.
  it('agrees with a brute-force search for a control rate that is left standing', () => {
    const random = seeded(11);
    let refuted = 0;
    for (let i = 0; i < 250; i++) {
      const isNull = pick(random, ['at most', 'at least'] as const);
      const away = isNull === 'at most' ? -1 : 1;
      const question = {
        control: arm(random),
        treatment: arm(random),
        isNull,
        bets: [0.0003, 0.002, 0.01, 0.03, 0.1, 0.3].map((size) => ({ size, stake: 1 / 6 })),
        share: pick(random, [0.05, 0.5, 0.9]),
      };
      const observed = rateOf(question.treatment) - rateOf(question.control);
      // Where refutation begins, at which the two can differ.
      let [open, closed] = [0, 1 - away * observed];
      if (!refutes(question, observed + away * closed, 0.05)) continue;
      for (let step = 0; step < 20; step++) {
        const middle = (open + closed) / 2;
        if (refutes(question, observed + away * middle, 0.05)) closed = middle;
        else open = middle;
      }
      refuted++;
      expect(leastCapital(question, observed + away * closed)).toBeGreaterThan(1 / 0.05);
      expect(leastCapital(question, observed + away * open)).toBeLessThan(1.5 / 0.05);
    }
    expect(refuted).toBeGreaterThan(200);
  });
});

function arm(random: () => number): Proportion {
  const trials = Math.round(between(random, 10, 1e5));
  return { events: Math.round(random() ** 5 * trials), trials };
}

function rateOf({ events, trials }: Proportion): number {
  return events / trials;
}

function leastCapital(question: Question, edge: number): number {
  const [from, to] = [Math.max(0, -edge), Math.min(1, 1 - edge)];
  const arc = (rate: number): number => Math.asin(Math.sqrt(Math.min(1, Math.max(0, rate))));
  const average = logAverage(question.control);
  let least = Infinity;
  for (const offset of [0, edge])
    for (let i = 1; i < 3000; i++) {
      const angle = arc(from + offset) + ((arc(to + offset) - arc(from + offset)) * i) / 3000;
      const s = Math.sin(angle) ** 2 - offset;
      if (s > from && s < to && s + edge > 0 && s + edge < 1)
        least = Math.min(least, capital(question, s, edge, average));
    }
  return least;
}

/** Four fifths on both rates, apart in proportion to their variances; one fifth on any control rate × treatment's bets. */
function capital(
  { control, treatment, isNull, bets, share }: Question,
  s: number,
  edge: number,
  average: number,
): number {
  const c = s + edge;
  const up = isNull === 'at most' ? 1 : -1;
  const [ofControl, ofTreatment] = [(s - s * s) / (1 - share), (c - c * c) / share];
  const kept = (from: number, to: number): number => Math.max(from / 16, Math.min(to, 1 - (1 - from) / 16));
  const against = (arm: Proportion, to: number, from: number): number =>
    logLikelihood(arm, kept(from, to)) - logLikelihood(arm, from);
  const all = ofControl + ofTreatment;
  const any = Math.exp(average - logLikelihood(control, s));
  if (any === Infinity) return Infinity;
  let sum = 0.2 * any * 0.25;
  for (const { size, stake } of bets) {
    const [rise, fall] = [(up * size * ofTreatment) / all, (up * size * ofControl) / all];
    sum += 0.8 * stake * Math.exp(against(treatment, c + rise, c) + against(control, s - fall, s));
    sum += 0.2 * any * 0.75 * stake * Math.exp(against(treatment, c + up * size, c));
  }
  return sum;
}

function logLikelihood({ events, trials }: Proportion, rate: number): number {
  const times = (count: number, log: number): number => (count === 0 ? 0 : count * log);
  return times(events, Math.log(rate)) + times(trials - events, Math.log(1 - rate));
}

/** ln of the likelihood averaged over a Beta(0.1, 1) prior: request by request, each predicted from those before. */
function logAverage({ events, trials }: Proportion): number {
  let log = 0;
  for (let i = 0; i < events; i++) log += Math.log((i + 0.1) / (i + 1.1));
  for (let i = events; i < trials; i++) log += Math.log((i - events + 1) / (i + 1.1));
  return log;
}

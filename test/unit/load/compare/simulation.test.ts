import { beforeAll, describe, expect, it } from 'vitest';

import { latenciesOpener } from '../../../../src/lib/load/tally.js';
import { scaled } from '../../../scale.js';
import { upperBound } from '../../statistics/clopper-pearson.js';
import { seeded } from '../../statistics/sampling.js';
import { judgeMany, planFromPilot, scenarios, type Tally } from './simulated-runs.js';

// `npm run long` judges 2,000 pairs, and the benchmark load-compare 2,000 of each scenario.
const pairsOfEach = scaled(50);

describe(`${pairsOfEach} pairs of runs of each scenario, neighbouring slices correlated at 0.3`, () => {
  const tallies: Tally[] = [];

  beforeAll(async () => {
    const seed = Number(process.env['SEED'] ?? 11);
    console.log(`SEED=${seed} repeats this`);
    const open = await latenciesOpener();
    for (const scenario of scenarios) {
      const random = seeded(seed);
      const { slices } = planFromPilot(random, scenario, open);
      const tally = judgeMany(random, scenario, slices, pairsOfEach, open);
      tallies.push(tally);
      console.log(scenario.name, tally);
    }
  }, 1_200_000);

  const all = (count: (tally: Tally) => number) => tallies.reduce((sum, tally) => sum + count(tally), 0);

  it('raises at most 6 % false alarms, with 95 % confidence', () => {
    expect(
      upperBound(
        all(({ falseAlarms }) => falseAlarms),
        all(({ pairs }) => pairs),
      ),
    ).toBeLessThan(0.06);
    for (const { falseAlarms, pairs } of tallies)
      expect(1 - upperBound(pairs - falseAlarms, pairs), 'above 6 % for sure').toBeLessThan(0.06);
  });

  it('finds +10 % at p95 in 95 % of them with as many slices as the plan says', () => {
    const [found, pairs] = [all((tally) => tally.found), all((tally) => tally.pairs)];
    expect(found / pairs).toBeGreaterThan(0.95);
  });
});

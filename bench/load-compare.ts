import { latenciesOpener } from '../src/lib/load/tally.js';
import {
  judgeMany,
  planFromPilot,
  requestsPerSlice,
  scenarios,
} from '../test/unit/load/compare/simulated-runs.js';
import { upperBound } from '../test/unit/statistics/clopper-pearson.js';
import { seeded } from '../test/unit/statistics/sampling.js';
import type { Benchmark, Finding } from './lib/bench.js';

export const loadCompare: Benchmark = {
  name: 'load-compare',
  summary: 'false alarms of comparing two equal runs, and runs slower by 10 % that are not found; simulated',
  rounds: 1,
  async measure({ scale, say, signal }) {
    const seed = 20_250_101;
    const pairs = Math.ceil(2000 * scale);
    const open = await latenciesOpener();
    say(`  seed ${seed}; ${pairs} pairs of each; the p95 of neighbouring slices is correlated at 0.3`);
    return scenarios.flatMap((scenario): Finding[] => {
      signal.throwIfAborted();
      const random = seeded(seed);
      const { slices } = planFromPilot(random, scenario, open);
      const { falseAlarms, found } = judgeMany(random, scenario, slices, pairs, open);
      const percent = (share: number) => 100 * share;
      say(
        `  ${scenario.name}: plan: ${slices} slices of ${requestsPerSlice} requests; ${falseAlarms} false alarms, ${found} found`,
      );
      return [
        {
          what: `load compare, ${scenario.name}: false alarms, upper 95 % bound`,
          series: [{ name: 'metrify', values: [percent(upperBound(falseAlarms, pairs))], unit: '%' }],
          judged: 'median',
          bar: 6,
        },
        {
          what: `load compare, ${scenario.name}: +10 % at p95 not found, ${slices} slices of ${requestsPerSlice}`,
          series: [{ name: 'metrify', values: [percent(1 - found / pairs)], unit: '%' }],
          judged: 'median',
          bar: 5,
        },
      ];
    });
  },
};

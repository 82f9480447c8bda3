import type { StressResult } from '../src/ui/load-stress.js';
import { knownProcess } from '../test/e2e/load/known-process.js';
import { type Benchmark, metrify } from './lib/bench.js';
import { must } from './lib/redis.js';

/** Each request takes so long, one after the other. */
const serviceMs = 4;
const capacity = 1000 / serviceMs;

export const loadStress: Benchmark = {
  name: 'load-stress',
  summary: `load stress of a server that answers ${capacity} requests a second: the rate that is found, and the time`,
  rounds: 3,
  async measure(bench) {
    const off: number[] = [];
    const seconds: number[] = [];
    for (let round = 1; round <= bench.rounds; round++) {
      bench.signal.throwIfAborted();
      const { url, stop } = await knownProcess();
      try {
        const args = ['load', 'stress', `${url}/queue/${serviceMs}`, '--threshold', 'p95<200ms', '--json'];
        const run = await metrify(bench, args, {});
        const { result } = JSON.parse(run.stdout) as { result: StressResult };
        must(result.rate !== null, 'no rate was found');
        off.push(Math.abs(result.rate! / capacity - 1) * 100);
        seconds.push(run.seconds);
        bench.say(
          `  round ${round} of ${bench.rounds}  ${result.rate} requests/s in ${run.seconds.toFixed(0)} s`,
        );
      } finally {
        stop();
      }
    }
    return [
      {
        what: `load stress, capacity ${capacity} requests/s: distance of the rate that was found`,
        series: [{ name: 'metrify', values: off, unit: '%' }],
        judged: 'median',
        bar: 5,
      },
      {
        what: `load stress, capacity ${capacity} requests/s: time`,
        series: [{ name: 'metrify', values: seconds, unit: 's' }],
        judged: 'median',
        bar: 120,
      },
    ];
  },
};

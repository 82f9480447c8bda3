import { alternate, type Benchmark, metrify, secondsOf } from './lib/bench.js';
import { run } from './lib/run.js';

export const helpStartup: Benchmark = {
  name: 'help-startup',
  summary: 'metrify --help ÷ node -e 0',
  rounds: 20,
  async measure(bench) {
    const runs = await alternate(bench, {
      'metrify --help': () => metrify(bench, ['--help'], {}),
      'node -e 0': () => run(process.execPath, ['-e', '0'], { bench }),
    });
    return [{ what: 'metrify --help', series: secondsOf(runs), judged: 'ratio', bar: 1.6 }];
  },
};

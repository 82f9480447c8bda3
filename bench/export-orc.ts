import { alternate, type Benchmark, secondsOf } from './lib/bench.js';
import { openReadings, writtenBy } from './lib/readings.js';
import { must } from './lib/redis.js';

export const exportOrc: Benchmark = {
  name: 'export-orc',
  summary: 'export orc of 2 M readings ÷ psql that reads them',
  rounds: 5,
  async measure(bench) {
    const readings = await openReadings(bench, Math.round(2_000_000 * bench.scale));
    const ours = 'metrify export orc';
    const runs = await alternate(
      bench,
      { [ours]: () => readings.export('orc'), 'psql > /dev/null': () => readings.psql() },
      {
        async check(side, result) {
          if (side === ours) must(writtenBy(result).rows === readings.rows, 'rows are missing');
        },
      },
    );
    const what = `${readings.rows.toLocaleString('en')} readings to ORC`;
    return [{ what, series: secondsOf(runs), judged: 'ratio', bar: 1.8 }];
  },
};

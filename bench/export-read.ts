import { lakeFolder } from '../test/servers/cache-folder.js';
import { lacking } from '../test/servers/require.js';
import { alternate, type Benchmark, metrify, secondsOf } from './lib/bench.js';
import { meters, openReadings } from './lib/readings.js';
import { must } from './lib/redis.js';
import { run } from './lib/run.js';

/** Meters whose readings are selected: 1 %. */
const first = meters / 2;
const count = meters / 100;

export const exportRead: Benchmark = {
  name: 'export-read',
  summary: 'export read of 1 % of 2 M sorted readings ÷ the whole process of DuckDB',
  rounds: 5,
  async measure(bench) {
    const missing = lacking('lake');
    if (missing.length > 0) throw new Error(missing.join('; '));
    const readings = await openReadings(bench, Math.round(2_000_000 * bench.scale));
    await readings.export('parquet', ['--sort-by', 'meter_id']);
    const where = `meter_id >= ${first} and meter_id < ${first + count}`;
    const ours = 'metrify export read';
    const copy = `COPY (SELECT * FROM '${readings.folder}/*.parquet' WHERE ${where}) TO '${readings.folder}.json' (FORMAT json)`;
    const program = `import duckdb; print(duckdb.execute("${copy}").fetchone()[0])`;
    const args = ['export', 'read', readings.folder, '--where', where, '--output', 'ndjson'];
    const runs = await alternate(
      bench,
      {
        [ours]: () => metrify(bench, args, {}),
        DuckDB: () => run('python3', ['-c', program], { bench, env: { PYTHONPATH: lakeFolder() } }),
      },
      {
        async check(side, { stdout }) {
          const rows = side === ours ? stdout.trimEnd().split('\n').length : Number(stdout);
          must(rows === selected(readings.rows), `${rows} rows`);
        },
      },
    );
    const what = `1 % of ${readings.rows.toLocaleString('en')} sorted readings as JSON lines`;
    return [{ what, series: secondsOf(runs), judged: 'ratio', bar: 1.5 }];
  },
};

/** Readings of those meters: all meters report in turns. */
function selected(rows: number): number {
  const last = Math.min(count, Math.max(0, (rows % meters) - first));
  return Math.floor(rows / meters) * count + last;
}

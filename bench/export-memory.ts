import type { Benchmark } from './lib/bench.js';
import { openReadings, writtenBy } from './lib/readings.js';
import { must } from './lib/redis.js';

export const exportMemory: Benchmark = {
  name: 'export-memory',
  summary: 'peak memory of export parquet of 20 M readings to 48 partitions',
  rounds: 1,
  async measure(bench) {
    const readings = await openReadings(bench, Math.round(20_000_000 * bench.scale));
    const sql = "SELECT *, to_char(time, 'YYYY-MM') AS month FROM readings";
    const values: number[] = [];
    for (let round = 1; round <= bench.rounds; round++) {
      const run = await readings.export('parquet', ['--partition-by', 'sensor_type,month'], {
        peak: true,
        sql,
      });
      const { rows, files } = writtenBy(run);
      must(rows === readings.rows && files.length === 48, `${rows} rows in ${files.length} files`);
      values.push(run.peakBytes / 1e6);
      bench.say(`  ${(run.peakBytes / 1e6).toFixed(0)} MB  ${run.seconds.toFixed(1)} s`);
    }
    const what = `peak memory of export parquet, ${readings.rows.toLocaleString('en')} readings, 48 partitions`;
    return [
      { what, series: [{ name: 'metrify export parquet', values, unit: 'MB' }], judged: 'median', bar: 250 },
    ];
  },
};

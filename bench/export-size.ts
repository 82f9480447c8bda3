import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { cacheFolder } from '../test/servers/cache-folder.js';
import type { Bench, Benchmark, Finding } from './lib/bench.js';
import { openReadings, type Readings, writtenBy } from './lib/readings.js';
import { run } from './lib/run.js';

export const exportSize: Benchmark = {
  name: 'export-size',
  summary: "bytes of 2 M readings as Parquet, snappy and zstd ÷ pg2parquet's",
  rounds: 1,
  async measure(bench) {
    const readings = await openReadings(bench, Math.round(2_000_000 * bench.scale));
    const findings: Finding[] = [];
    for (const compression of ['snappy', 'zstd']) {
      const { bytes } = writtenBy(await readings.export('parquet', ['--compression', compression]));
      const ours = { name: 'metrify export parquet', unit: 'MB', values: [bytes / 1e6] } as const;
      const peer = await pg2parquet(bench, readings, compression);
      const what = `size of ${readings.rows.toLocaleString('en')} readings as Parquet, ${compression}`;
      if (peer === undefined) findings.push({ what, series: [ours], judged: 'none' });
      else {
        const theirs = { name: 'pg2parquet', unit: 'MB', values: [peer / 1e6] } as const;
        findings.push({ what, series: [ours, theirs], judged: 'ratio', bar: 1.05 });
      }
    }
    return findings;
  },
};

/** Bytes of its file; undefined where it is not there. */
async function pg2parquet(bench: Bench, { url }: Readings, compression: string): Promise<number | undefined> {
  const root = join(cacheFolder(), 'pg2parquet');
  const program = join(root, 'bin', 'pg2parquet');
  try {
    await stat(program);
  } catch {
    bench.say(`  without pg2parquet: cargo install pg2parquet --root ${root}`);
    return undefined;
  }
  const { hostname, port } = new URL(url);
  const file = join(bench.directory, `${compression}.parquet`);
  await run(
    program,
    [
      ...['export', '--host', hostname, '--port', port, '--user', 'postgres', '--dbname', 'postgres'],
      ...['--query', 'SELECT * FROM readings', '--output-file', file, '--compression', compression],
    ],
    { bench, env: { PGPASSWORD: 'none' } },
  );
  return (await stat(file)).size;
}

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Bench, Benchmark, Finding } from './lib/bench.js';
import { hundredBytes, metrifyProgram } from './lib/load-peers.js';
import { run } from './lib/run.js';

const rate = 500;

export const loadMemory: Benchmark = {
  name: 'load-memory',
  summary: 'load run, peak memory: 10 minutes ÷ 1 minute; 100,000 ids in the path ÷ one',
  rounds: 1,
  async measure(bench) {
    const nginx = await hundredBytes(bench);
    const minute = Math.max(5, Math.round(60 * bench.scale));
    const long = await peaks(bench, [
      ...['load', 'run', `${nginx.url}/`, '--rate', String(rate), '--duration', `${10 * minute}s`],
    ]);
    const short = await peaks(bench, [
      ...['load', 'run', `${nginx.url}/`, '--rate', String(rate), '--duration', `${minute}s`],
    ]);
    return [
      finding(`peak memory: ${10 * minute} s ÷ ${minute} s`, long, short),
      ...(await ofIds(bench, nginx.url)),
    ];
  },
};

/** The same load with 100,000 different paths, and with one: from a scenario that reads ids from a CSV file. */
async function ofIds(bench: Bench, url: string): Promise<Finding[]> {
  const ids = Math.round(100_000 * bench.scale);
  const measure = async (name: string, count: number) => {
    const csv = join(bench.directory, `${name}.csv`);
    const rows = Array.from({ length: ids }, (_, i) => `meter-${i % count}`);
    await writeFile(csv, `id\n${rows.join('\n')}\n`);
    const scenario = join(bench.directory, `${name}.yaml`);
    await writeFile(
      scenario,
      JSON.stringify({
        target: url,
        feeds: { meters: { file: csv } },
        tasks: [{ name: 'read', steps: [{ get: '/api/v1/meters/{meters.id}/latest' }] }],
      }),
    );
    const seconds = Math.max(2, Math.round(40 * bench.scale));
    return peaks(bench, ['load', 'run', scenario, '--rate', '5000', '--duration', `${seconds}s`]);
  };
  const [many, one] = [await measure('many', ids), await measure('one', 1)];
  return [finding(`peak memory: ${ids.toLocaleString('en')} ids in the path ÷ one`, many, one)];
}

async function peaks(bench: Bench, args: readonly string[]): Promise<number[]> {
  const found: number[] = [];
  for (let round = 0; round < bench.rounds; round++) {
    const { peakBytes } = await run(process.execPath, [metrifyProgram, ...args], { bench, peak: true });
    bench.say(`  ${args.at(-1)}  ${Math.round(peakBytes / 1e6)} MB`);
    found.push(peakBytes / 1e6);
  }
  return found;
}

function finding(what: string, ours: readonly number[], other: readonly number[]): Finding {
  return {
    what,
    series: [
      { name: 'metrify', values: ours, unit: 'MB' },
      { name: 'the smaller one', values: other, unit: 'MB' },
    ],
    judged: 'ratio',
    bar: 1.05,
  };
}

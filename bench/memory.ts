import { confirming } from '../test/e2e/confirm-name.js';
import { type Benchmark, type Finding, metrify } from './lib/bench.js';
import { writeCsv } from './lib/keys.js';
import { must, privateRedis } from './lib/redis.js';

export const memory: Benchmark = {
  name: 'memory',
  summary: 'peak memory of cache warm, inspect and flush with 5 M keys',
  rounds: 1,
  async measure(bench) {
    const count = 5_000_000 * bench.scale;
    const redis = await privateRedis(bench);
    const csv = await writeCsv(bench, 'readings.csv', count);
    const verbs = {
      warm: ['--file', csv, '--key', 'meter:{meter_id}:latest', '--ttl', '1h'],
      inspect: ['--exact'],
      flush: ['--pattern', 'meter:*', ...confirming('redis', redis.url)],
    };
    const peaks = new Map(Object.keys(verbs).map((verb): [string, number[]] => [verb, []]));
    for (let round = 1; round <= bench.rounds; round++) {
      for (const [verb, flags] of Object.entries(verbs)) {
        const { peakBytes, seconds } = await metrify(
          bench,
          ['cache', verb, ...flags, '--json'],
          { METRIFY_REDIS_URL: redis.url },
          { peak: true },
        );
        peaks.get(verb)!.push(peakBytes / 1e6);
        const left = Number(await redis.cli('DBSIZE'));
        must(left === (verb === 'flush' ? 0 : count), `${verb} left ${left} keys`);
        bench.say(`  cache ${verb}  ${(peakBytes / 1e6).toFixed(0)} MB  ${seconds.toFixed(1)} s`);
      }
    }
    return [...peaks].map(([verb, values]): Finding => ({
      what: `peak memory of cache ${verb}, ${count.toLocaleString('en')} keys`,
      series: [{ name: `metrify cache ${verb}`, values, unit: 'MB' }],
      judged: 'median',
      bar: 200,
    }));
  },
};

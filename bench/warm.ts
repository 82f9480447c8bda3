import { alternate, type Benchmark, metrify, secondsOf } from './lib/bench.js';
import { ttlSeconds, writeCommands, writeCsv } from './lib/keys.js';
import { contentsOf, must, pipe, privateRedis } from './lib/redis.js';

export const warm: Benchmark = {
  name: 'warm',
  summary:
    'cache warm of 1 M rows of four columns from CSV ÷ redis-cli --pipe of the same commands, ready-made',
  rounds: 5,
  async measure(bench) {
    const count = 1_000_000 * bench.scale;
    const redis = await privateRedis(bench);
    const csv = await writeCsv(bench, 'readings.csv', count);
    const commands = await writeCommands(bench, 'readings.resp', count, 'meter');
    const command = ['cache', 'warm', '--file', csv, '--key', 'meter:{meter_id}:latest'];
    const digests = new Set<string>();
    const runs = await alternate(
      bench,
      {
        'metrify cache warm': () =>
          metrify(bench, [...command, '--ttl', `${ttlSeconds}s`, '--json'], { METRIFY_REDIS_URL: redis.url }),
        'redis-cli --pipe': () => pipe(bench, redis, commands),
      },
      {
        prepare: async () => void (await redis.cli('FLUSHALL')),
        async check(side) {
          const { keys, digest } = await contentsOf(redis);
          must(keys === count, `${side} left ${keys} keys`);
          must(digests.add(digest).size === 1, `${side} left other keys or values`);
          const ttl = Number(await redis.cli('TTL', 'meter:100007:latest'));
          must(ttl > ttlSeconds - 60 && ttl <= ttlSeconds, `${side} set a TTL of ${ttl} s`);
        },
      },
    );
    const what = `warm ${count.toLocaleString('en')} keys from CSV`;
    return [{ what, series: secondsOf(runs), judged: 'ratio', bar: 1.15 }];
  },
};

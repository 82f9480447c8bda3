import { alternate, type Benchmark, metrify, secondsOf } from './lib/bench.js';
import { writeCommands } from './lib/keys.js';
import { must, pipe, privateRedis } from './lib/redis.js';
import { run } from './lib/run.js';

export const inspect: Benchmark = {
  name: 'inspect',
  summary: 'cache inspect --exact of 1 M keys ÷ redis-cli --memkeys',
  rounds: 5,
  async measure(bench) {
    const count = 1_000_000 * bench.scale;
    const redis = await privateRedis(bench);
    await pipe(bench, redis, await writeCommands(bench, 'readings.resp', count, 'meter'));
    const sizes = new Set<number>();
    const runs = await alternate(
      bench,
      {
        'metrify cache inspect --exact': () =>
          metrify(bench, ['cache', 'inspect', '--exact', '--json'], { METRIFY_REDIS_URL: redis.url }),
        'redis-cli --memkeys': () => run('redis-cli', ['-p', String(redis.port), '--memkeys'], { bench }),
      },
      {
        async check(side, { stdout }) {
          const { keys, bytes } = side.startsWith('metrify') ? readInspection(stdout) : readMemkeys(stdout);
          must(keys === count, `${side} saw ${keys} keys`);
          must(sizes.add(bytes).size === 1, `${side} found ${[...sizes].join(' and ')} bytes`);
        },
      },
    );
    const what = `inspect --exact of ${count.toLocaleString('en')} keys: type, TTL, bytes, prefixes`;
    return [{ what, series: secondsOf(runs), judged: 'ratio', bar: 0.3 }];
  },
};

function readInspection(stdout: string): { keys: number; bytes: number } {
  const { result } = JSON.parse(stdout) as {
    result: {
      keys: number;
      memoryBytes: number;
      prefixes: { prefix: string; ttl: { withoutTtl: number } }[];
    };
  };
  const [first, ...others] = result.prefixes;
  must(first?.prefix === 'meter:*:latest' && others.length === 0, 'inspect found other prefixes');
  must(first.ttl.withoutTtl === 0, 'inspect found keys without a TTL');
  return { keys: result.keys, bytes: result.memoryBytes };
}

/** The last lines of redis-cli: `1000000 strings with 168000000 bytes (100.00% of keys, avg size 168.00)` */
function readMemkeys(stdout: string): { keys: number; bytes: number } {
  const [, keys, bytes] = /^(\d+) strings with (\d+) bytes/m.exec(stdout) ?? [];
  return { keys: Number(keys), bytes: Number(bytes) };
}

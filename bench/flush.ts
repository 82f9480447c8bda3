import { confirming } from '../test/e2e/confirm-name.js';
import { setTimeout as delay } from 'node:timers/promises';

import { alternate, type Bench, type Benchmark, metrify, secondsOf, type Series } from './lib/bench.js';
import { writeCommands } from './lib/keys.js';
import { type Latencies, startProbe } from './lib/probe.js';
import { must, pipe, privateRedis } from './lib/redis.js';
import { type Run, shell } from './lib/run.js';

const ours = 'metrify cache flush';
const peer = 'redis-cli --scan | xargs unlink';

export const flush: Benchmark = {
  name: 'flush',
  summary: 'cache flush of 1 M of 2 M keys by pattern ÷ redis-cli --scan | xargs -n 1000 redis-cli unlink',
  rounds: 5,
  async measure(bench) {
    const count = 1_000_000 * bench.scale;
    const redis = await privateRedis(bench);
    await pipe(bench, redis, await writeCommands(bench, 'kept.resp', count, 'meter'));
    const doomed = await writeCommands(bench, 'doomed.resp', count, 'forecast');
    const cli = `redis-cli -p ${redis.port}`;
    const felt: Record<'idle' | typeof ours | typeof peer, Latencies[]> = {
      idle: [],
      [ours]: [],
      [peer]: [],
    };
    const probed = async (side: typeof ours | typeof peer, flushOnce: () => Promise<Run>): Promise<Run> => {
      const probe = await startProbe(bench, redis.port);
      const result = await flushOnce();
      felt[side].push(await probe.stop());
      return result;
    };

    const runs = await alternate(
      bench,
      {
        [ours]: () =>
          probed(ours, () =>
            metrify(
              bench,
              ['cache', 'flush', '--pattern', 'forecast:*', ...confirming('redis', redis.url), '--json'],
              { METRIFY_REDIS_URL: redis.url },
            ),
          ),
        [peer]: () =>
          probed(peer, () =>
            shell(`${cli} --scan --pattern 'forecast:*' | xargs -n 1000 ${cli} unlink > /dev/null`, {
              bench,
            }),
          ),
      },
      {
        async prepare() {
          await pipe(bench, redis, doomed);
          felt.idle.push(await idle(bench, redis.port));
        },
        async check(side) {
          // The probe has a key of its own.
          const left = Number(await redis.cli('DBSIZE')) - 1;
          must(left === count, `${side} left ${left} keys`);
        },
      },
    );
    const p99 = (name: keyof typeof felt): Series => ({
      name: name === 'idle' ? 'idle' : `during ${name}`,
      unit: 'ms',
      values: felt[name].map((latencies) => latencies.p99),
    });
    for (const [name, each] of Object.entries(felt)) {
      for (const { count: commands, p50, p99: tail, max } of each) {
        bench.say(
          `  probe  ${name}: p50 ${p50.toFixed(2)}, p99 ${tail.toFixed(2)}, max ${max.toFixed(2)} ms of ${commands} commands`,
        );
      }
    }
    const what = `flush ${count.toLocaleString('en')} of ${(2 * count).toLocaleString('en')} keys by pattern`;
    return [
      { what, series: secondsOf(runs), judged: 'ratio', bar: 0.4 },
      {
        what: "another client's p99 during the flush",
        series: [p99(ours), p99(peer)],
        judged: 'ratio',
        bar: 1,
      },
      {
        what: "another client's p99 before the flush",
        series: [p99('idle')],
        judged: 'none',
      },
    ];
  },
};

async function idle(bench: Bench, port: number): Promise<Latencies> {
  const probe = await startProbe(bench, port);
  await delay(2000, undefined, { signal: bench.signal });
  return probe.stop();
}

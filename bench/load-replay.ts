import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { seeded } from '../test/random.js';
import { type Benchmark, metrify } from './lib/bench.js';
import { must } from './lib/redis.js';

const perSecond = 300;

/** A log with times in milliseconds, of requests that come as those of independent users. */
async function writeLog(file: string, seconds: number): Promise<number[]> {
  const random = seeded(1);
  const times: number[] = [];
  for (let ms = 0; ms < seconds * 1000; ms += (-Math.log(random()) * 1000) / perSecond)
    times.push(Math.round(ms));
  const line = (ms: number, i: number) =>
    `{"time":"${new Date(1_760_000_000_000 + ms).toISOString()}","request":"GET /meters/${i} HTTP/1.1","status":200}\n`;
  await writeFile(file, times.map(line).join(''));
  return times;
}

export const loadReplay: Benchmark = {
  name: 'load-replay',
  summary:
    'load replay of a log with 300 requests a second: how far each request is from its time in the log',
  rounds: 5,
  async measure(bench) {
    const log = join(bench.directory, 'access.log');
    const times = await writeLog(log, 20 * bench.scale);
    const arrivals: number[] = [];
    const server = createServer(({ url }, response) => {
      arrivals[Number(url!.slice('/meters/'.length))] = performance.now();
      response.end('ok');
    });
    bench.closing(async () => void server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const drifts: number[] = [];
    for (let round = 1; round <= bench.rounds; round++) {
      arrivals.length = 0;
      await metrify(bench, ['load', 'replay', log, '--url', url, '--json'], {});
      must(arrivals.length === times.length, `${arrivals.length} of ${times.length} requests came`);
      // No request comes before its time: the one that is earliest by the log's clock tells where that stands.
      const off = times.map((ms, i) => arrivals[i]! - ms).sort((a, b) => a - b);
      drifts.push(off[Math.ceil(off.length * 0.99) - 1]! - off[0]!);
      bench.say(`  round ${round} of ${bench.rounds}  p99 ${drifts.at(-1)!.toFixed(2)} ms`);
    }
    return [
      {
        what: `load replay, ${perSecond} requests/s: drift from the log's clock, p99`,
        series: [{ name: 'metrify load replay', values: drifts, unit: 'ms' }],
        judged: 'median',
        bar: 5,
      },
    ];
  },
};

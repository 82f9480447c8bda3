import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import type { LoadResult } from '../src/lib/load/result.js';
import type { Bench, Benchmark, Finding } from './lib/bench.js';
import { autocannonProgram, findPeer, metrifyProgram } from './lib/load-peers.js';
import { shell } from './lib/run.js';

type Shares = Pick<LoadResult['latencyMs'], 'p50' | 'p90' | 'p99'>;
const truth = { p50: 0, p90: 500, p99: 950 } as const;

export const loadStall: Benchmark = {
  name: 'load-stall',
  summary:
    'load run, fixed 100 requests/s while the server stalls 1 s in every 5: p50, p90 and p99 against the truth',
  rounds: 3,
  async measure(bench) {
    // Whole periods of the server, so that the share of late requests is exact.
    const seconds = Math.max(5, 5 * Math.round(6 * bench.scale));
    const sides = sidesOf(bench, seconds);
    const found = new Map<string, Shares[]>();
    for (let round = 1; round <= bench.rounds; round++)
      for (const [name, side] of Object.entries(sides)) {
        const server = await startStalling(bench);
        const shares = await side(server.url).finally(() => server.stop());
        found.set(name, [...(found.get(name) ?? []), shares]);
        bench.say(
          `  round ${round} of ${bench.rounds}  ${name.padEnd(10)} p50 ${shares.p50!.toFixed(1)}, p90 ${shares.p90!.toFixed(0)}, p99 ${shares.p99!.toFixed(0)} ms`,
        );
      }
    return Object.entries(truth).map(([share, ms]) => findingOf(share as keyof Shares, ms, found));
  },
};

function findingOf(share: keyof Shares, ms: number, found: ReadonlyMap<string, readonly Shares[]>): Finding {
  const series = [...found].map(([name, all]) => ({
    name,
    unit: 'ms' as const,
    values: all.map((one) => Math.abs(one[share]! - ms)),
  }));
  return {
    what: `stalling server, ${share}: distance from ${ms} ms`,
    series,
    judged: 'median',
    bar: ms === 0 ? 10 : 0.15 * ms,
  };
}

function sidesOf(bench: Bench, seconds: number): Record<string, (url: string) => Promise<Shares>> {
  const node = process.execPath;
  const stdoutOf = async (command: string) => (await shell(command, { bench })).stdout;
  const vegeta = findPeer(bench, 'vegeta', 'go install github.com/tsenart/vegeta/v12@v12.13.0');
  return {
    metrify: async (url) => {
      const command = `${node} ${metrifyProgram} load run ${url} --rate 100 --duration ${seconds}s --json`;
      return (JSON.parse(await stdoutOf(command)) as { result: LoadResult }).result.latencyMs;
    },
    ...(vegeta === undefined
      ? {}
      : {
          vegeta: async (url: string) => {
            const command = `echo GET ${url} | ${vegeta} attack -rate=100 -duration=${seconds}s | ${vegeta} report -type=json`;
            const { latencies } = JSON.parse(await stdoutOf(command)) as {
              latencies: Record<'50th' | '90th' | '99th', number>;
            };
            return {
              p50: latencies['50th'] / 1e6,
              p90: latencies['90th'] / 1e6,
              p99: latencies['99th'] / 1e6,
            };
          },
        }),
    autocannon: async (url) => {
      const command = `${node} ${autocannonProgram} -j -c 50 -R 100 -d ${seconds} ${url}`;
      return (JSON.parse(await stdoutOf(command)) as { latency: Shares }).latency;
    },
  };
}

/** A server of its own process, whose thread is blocked, without any CPU, for the last second of every five. */
async function startStalling(bench: Bench): Promise<{ url: string; stop(): void }> {
  const program = fileURLToPath(new URL('lib/stalling-server.js', import.meta.url));
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
  const stop = () => void child.kill('SIGKILL');
  bench.signal.addEventListener('abort', stop, { once: true });
  const [port] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string];
  return { url: `http://127.0.0.1:${port.trim()}/`, stop };
}

import type { LoadResult } from '../src/lib/load/result.js';
import type { Bench, Benchmark, Series } from './lib/bench.js';
import { autocannonProgram, findPeer, hundredBytes, measured, metrifyProgram } from './lib/load-peers.js';
import { must } from './lib/redis.js';

const connections = 50;

/** A way to send as fast as 50 connections go, and how its report is read. */
interface Side {
  readonly name: string;
  readonly command: string;
  requests(stdout: string): number;
}

export const loadClosed: Benchmark = {
  name: 'load-closed',
  summary: 'load run, closed loop of 50 connections ÷ wrk: requests/s, CPU per request',
  rounds: 5,
  async measure(bench) {
    const seconds = Math.max(1, Math.round(10 * bench.scale));
    const nginx = await hundredBytes(bench);
    const sides = sidesOf(bench, `${nginx.url}/`, seconds);
    const wall = new Map<string, number[]>();
    const cpu = new Map<string, number[]>();
    for (let round = 1; round <= bench.rounds; round++)
      for (const { name, command, requests } of sides) {
        bench.signal.throwIfAborted();
        const { stdout, cpuSeconds } = await measured(bench, command);
        const count = requests(stdout);
        must(count > 0, `${name} sent nothing`);
        add(wall, name, (seconds / count) * 1e6);
        add(cpu, name, (cpuSeconds / count) * 1e6);
        bench.say(
          `  round ${round} of ${bench.rounds}  ${name.padEnd(12)} ${Math.round(count / seconds).toLocaleString('en')} requests/s, ${((cpuSeconds / count) * 1e6).toFixed(1)} µs of CPU each`,
        );
      }
    const what = `closed loop of ${connections} connections to NGINX`;
    return [
      { what: `${what}: time per request`, series: seriesOf(wall), judged: 'ratio', bar: 1.33 },
      { what: `${what}: CPU per request`, series: seriesOf(cpu), judged: 'ratio', bar: 1.6 },
    ];
  },
};

function sidesOf(bench: Bench, url: string, seconds: number): Side[] {
  const wrk = findPeer(bench, 'wrk', 'apt-get install wrk');
  must(wrk !== undefined, 'this is measured against wrk');
  const hey = findPeer(bench, 'hey', 'apt-get install hey');
  const vegeta = findPeer(bench, 'vegeta', 'go install github.com/tsenart/vegeta/v12@v12.13.0');
  const node = process.execPath;
  const threads = [1, 2].map((count) => ({
    name: count === 1 ? 'metrify' : `metrify, ${count} threads`,
    command: `${node} ${metrifyProgram} load run ${url} --connections ${connections} --duration ${seconds}s --threads ${count} --json`,
    requests: (stdout: string) => (JSON.parse(stdout) as { result: LoadResult }).result.answered,
  }));
  return [
    threads[0]!,
    {
      name: 'wrk',
      command: `${wrk} -t 2 -c ${connections} -d ${seconds}s ${url}`,
      requests: (stdout) => Number(/(\d+) requests in/.exec(stdout)?.[1]),
    },
    threads[1]!,
    {
      name: 'autocannon',
      command: `${node} ${autocannonProgram} -j -c ${connections} -d ${seconds} ${url}`,
      requests: (stdout) => (JSON.parse(stdout) as { '2xx': number })['2xx'],
    },
    ...(hey === undefined
      ? []
      : [
          {
            name: 'hey',
            command: `${hey} -c ${connections} -z ${seconds}s ${url}`,
            requests: (stdout: string) => Number(/\[200\]\s+(\d+) responses/.exec(stdout)?.[1]),
          },
        ]),
    ...(vegeta === undefined
      ? []
      : [
          {
            name: 'vegeta',
            command: `sh -c 'echo GET ${url} | ${vegeta} attack -rate=0 -max-workers=${connections} -duration=${seconds}s | ${vegeta} report -type=json'`,
            requests: (stdout: string) =>
              (JSON.parse(stdout) as { status_codes: Record<string, number> }).status_codes['200']!,
          },
        ]),
  ];
}

function add(series: Map<string, number[]>, name: string, value: number): void {
  series.set(name, [...(series.get(name) ?? []), value]);
}

function seriesOf(series: ReadonlyMap<string, number[]>): Series[] {
  return [...series].map(([name, values]) => ({ name, values, unit: 'µs' }));
}

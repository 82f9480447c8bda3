import type { LoadResult } from '../src/lib/load/result.js';
import type { Benchmark, Finding } from './lib/bench.js';
import { findPeer, hundredBytes, metrifyProgram } from './lib/load-peers.js';
import { shell } from './lib/run.js';

const rate = 5000;

export const loadRate: Benchmark = {
  name: 'load-rate',
  summary: 'load run, fixed 5,000 requests/s: the rate that was achieved, and p99 beside vegeta',
  rounds: 5,
  async measure(bench) {
    const seconds = Math.max(2, Math.round(10 * bench.scale));
    const nginx = await hundredBytes(bench);
    const url = `${nginx.url}/`;
    const vegeta = findPeer(bench, 'vegeta', 'go install github.com/tsenart/vegeta/v12@v12.13.0');
    const stdoutOf = async (command: string) => (await shell(command, { bench })).stdout;
    const off: number[] = [];
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 1; round <= bench.rounds; round++) {
      bench.signal.throwIfAborted();
      const command = `${process.execPath} ${metrifyProgram} load run ${url} --rate ${rate} --duration ${seconds}s --json || [ $? -eq 7 ]`;
      // Inconclusive on a busy machine, and still a figure.
      const { result } = JSON.parse(await stdoutOf(command)) as { result: LoadResult };
      off.push(Math.abs(result.achievedRate / rate - 1) * 1000);
      ours.push(result.latencyMs.p99!);
      if (result.generator.bottleneck)
        bench.say(`  the machine was too busy: ${result.generator.bottleneck}`);
      let said = `${result.achievedRate} requests/s, p99 ${result.latencyMs.p99} ms`;
      if (vegeta !== undefined) {
        const report = JSON.parse(
          await stdoutOf(
            `echo GET ${url} | ${vegeta} attack -rate=${rate} -duration=${seconds}s | ${vegeta} report -type=json`,
          ),
        ) as { latencies: { '99th': number } };
        theirs.push(report.latencies['99th'] / 1e6);
        said += `; vegeta ${theirs.at(-1)!.toFixed(2)} ms`;
      }
      bench.say(`  round ${round} of ${bench.rounds}  ${said}`);
    }
    const findings: Finding[] = [
      {
        what: `fixed ${rate} requests/s: distance from that rate, in thousandths`,
        series: [{ name: 'metrify', values: off, unit: 'requests' }],
        judged: 'median',
        bar: 5,
      },
    ];
    if (theirs.length > 0)
      findings.push({
        what: `fixed ${rate} requests/s: p99 beyond vegeta's of the same round`,
        series: [
          { name: 'metrify', values: ours.map((ms, i) => ms - theirs[i]!), unit: 'ms' },
          { name: 'vegeta itself', values: theirs, unit: 'ms' },
        ],
        judged: 'median',
        bar: 2,
      });
    return findings;
  },
};

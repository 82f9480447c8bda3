// npm run bench -- NAME: measures metrify against a peer and prints both, their ratio and the bar.
import { parseArgs } from 'node:util';

import { temporaryDirectory } from '../test/servers/process.js';
import { canaryJudge } from './canary-judge.js';
import { exportMemory } from './export-memory.js';
import { exportOrc } from './export-orc.js';
import { exportRead } from './export-read.js';
import { exportSize } from './export-size.js';
import { exportWall } from './export-wall.js';
import { flush } from './flush.js';
import { helpStartup } from './help-startup.js';
import { inspect } from './inspect.js';
import type { Bench, Benchmark, Finding } from './lib/bench.js';
import { describeMachine, markdownHead, markdownRow, passes, presentFinding } from './lib/report.js';
import { loadCompare } from './load-compare.js';
import { loadClosed } from './load-closed.js';
import { loadMemory } from './load-memory.js';
import { loadRate } from './load-rate.js';
import { loadStall } from './load-stall.js';
import { loadReplay } from './load-replay.js';
import { loadStress } from './load-stress.js';
import { memory } from './memory.js';
import { multiLevelMemory, multiLevelRedis, stampede } from './multi-level.js';
import { searchBulk, searchBulkClient, searchBulkMemory } from './search-bulk.js';
import { searchVerify, searchVerifyMemory } from './search-verify.js';
import { searchScan } from './search-scan.js';
import { simbench } from './simbench.js';
import { warm } from './warm.js';
import { writeBehind } from './write-behind.js';

const benchmarks = [
  helpStartup,
  warm,
  inspect,
  flush,
  memory,
  simbench,
  writeBehind,
  multiLevelMemory,
  multiLevelRedis,
  stampede,
  canaryJudge,
  loadCompare,
  loadClosed,
  loadStall,
  loadRate,
  loadMemory,
  loadReplay,
  loadStress,
  exportWall,
  exportMemory,
  exportSize,
  exportOrc,
  exportRead,
  searchBulk,
  searchBulkClient,
  searchBulkMemory,
  searchVerify,
  searchVerifyMemory,
  searchScan,
];

const list = `npm run bench -- NAME… [--rounds N] [--scale SHARE]

${benchmarks.map(({ name, summary }) => `  ${name.padEnd(14)}${summary}`).join('\n')}
  ${'all'.padEnd(14)}each of them in turn

  --rounds N      rounds of each side, alternating (default: 5, 20 for help-startup)
  --scale SHARE   a share of the keys, for a quick look: 0.1 (the start of Node then weighs more)
`;

async function main(interrupt: AbortController): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { rounds: { type: 'string' }, scale: { type: 'string', default: '1' } },
  });
  const chosen = positionals.includes('all')
    ? benchmarks
    : positionals.map((name) => benchmarks.find((benchmark) => benchmark.name === name));
  const known = chosen.filter((benchmark) => benchmark !== undefined);
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  const scale = Number(values.scale);
  if (known.length === 0 || known.length < chosen.length || rounds === 0 || !(scale > 0)) {
    console.log(list);
    return positionals.length === 0 ? 0 : 2;
  }
  console.log(`${describeMachine()}\n`);
  const findings: Finding[] = [];
  for (const benchmark of known) {
    console.log(`${benchmark.name}: ${benchmark.summary}`);
    const found = await measure(benchmark, { rounds: rounds ?? benchmark.rounds, scale }, interrupt.signal);
    for (const finding of found) console.log(`\n${presentFinding(finding)}`);
    console.log('');
    findings.push(...found);
  }
  console.log([markdownHead, ...findings.map(markdownRow)].join('\n'));
  return findings.every(passes) ? 0 : 1;
}

async function measure(
  benchmark: Benchmark,
  size: Pick<Bench, 'rounds' | 'scale'>,
  signal: AbortSignal,
): Promise<Finding[]> {
  const directory = await temporaryDirectory('bench');
  const closers: (() => Promise<unknown>)[] = [() => directory.remove()];
  try {
    return await benchmark.measure({
      ...size,
      signal,
      directory: directory.path,
      closing: (close) => closers.push(close),
      say: (line) => console.log(line),
    });
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => interrupt.abort(new Error(`stopped by ${signal}`)));
try {
  process.exitCode = await main(interrupt);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = interrupt.signal.aborted ? 130 : 1;
}

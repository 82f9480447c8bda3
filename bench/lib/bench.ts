import { run, type Run, type RunOptions } from './run.js';

/** What a benchmark gets: how much to do, where to put its files, and how to leave nothing behind. */
export interface Bench {
  /** Of each side, alternating. */
  readonly rounds: number;
  /** 1 for the published figures; less for a quick look. */
  readonly scale: number;
  /** Temporary; removed at the end. */
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Called at the end, last one first, whatever happened. */
  closing(close: () => Promise<unknown>): void;
  say(line: string): void;
}

export interface Benchmark {
  readonly name: string;
  readonly summary: string;
  /** Rounds unless `--rounds` says otherwise. */
  readonly rounds: number;
  measure(bench: Bench): Promise<Finding[]>;
}

/** A figure of each round, for one side of a comparison. */
export interface Series {
  readonly name: string;
  readonly values: readonly number[];
  readonly unit: 's' | 'ms' | 'µs' | 'ns' | 'MB' | 'loads' | 'requests' | '%';
}

/** One line of the table in docs/benchmarks.md. */
export interface Finding {
  readonly what: string;
  /** Ours first, then the peers. */
  readonly series: readonly Series[];
  /** What is compared with the bar; 'none' has none. */
  readonly judged: 'ratio' | 'median' | 'none';
  /** The most that passes: a ratio, or a figure in the series' unit. */
  readonly bar?: number;
}

/** Seconds of each side's rounds, in turn: A B A B. Whatever `prepare` does is not timed. */
export async function alternate(
  bench: Bench,
  sides: Readonly<Record<string, () => Promise<Run>>>,
  hooks: {
    prepare?: (side: string) => Promise<void>;
    check?: (side: string, run: Run) => Promise<void>;
  } = {},
): Promise<Map<string, Run[]>> {
  const runs = new Map<string, Run[]>(Object.keys(sides).map((side) => [side, []]));
  for (let round = 1; round <= bench.rounds; round++) {
    for (const [side, once] of Object.entries(sides)) {
      await hooks.prepare?.(side);
      bench.signal.throwIfAborted();
      const result = await once();
      await hooks.check?.(side, result);
      runs.get(side)!.push(result);
      bench.say(`  round ${round} of ${bench.rounds}  ${side}  ${result.seconds.toFixed(3)} s`);
    }
  }
  return runs;
}

export function secondsOf(runs: Map<string, Run[]>): Series[] {
  return [...runs].map(([name, each]) => ({ name, unit: 's', values: each.map(({ seconds }) => seconds) }));
}

/** The built CLI on a Redis. */
export function metrify(
  bench: Bench,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  options: Partial<RunOptions> = {},
): Promise<Run> {
  return run(process.execPath, [metrifyProgram, ...args], { ...options, bench, env });
}

const metrifyProgram = new URL('../../dist/metrify.cjs', import.meta.url).pathname;

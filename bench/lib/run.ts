import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';

import { cleanEnvironment } from '../../test/e2e/run.js';
import type { Bench } from './bench.js';

export interface RunOptions {
  readonly bench: Pick<Bench, 'signal' | 'directory'>;
  /** Added to an environment without settings of metrify, Node, PostgreSQL and the terminal. */
  readonly env?: Readonly<Record<string, string>>;
  /** File that becomes stdin. */
  readonly stdin?: string;
  /** Watch the process's memory and CPU time. Linux only. */
  readonly peak?: boolean;
}

export interface Run {
  /** From the start of the process to its end, and the end of its output. */
  readonly seconds: number;
  /** Peak resident memory of the process itself; 0 unless asked for. */
  readonly peakBytes: number;
  /** CPU time of the process itself, all but its last 20 ms; 0 unless asked for. */
  readonly cpuSeconds: number;
  readonly stdout: string;
}

/** Runs a program to its end. @throws Error with its stderr when it fails; the signal's reason. */
export async function run(program: string, args: readonly string[], options: RunOptions): Promise<Run> {
  const { bench } = options;
  const input = options.stdin === undefined ? undefined : await open(options.stdin);
  try {
    const env = cleanEnvironment(bench.directory, options.env);
    const started = performance.now();
    const child = spawn(program, args, {
      cwd: bench.directory,
      env,
      stdio: [input?.fd ?? 'ignore', 'pipe', 'pipe'],
    });
    const kill = (): void => void child.kill('SIGKILL');
    bench.signal.addEventListener('abort', kill, { once: true });
    let [stdout, stderr] = ['', ''];
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)));
    const peak = options.peak ? watch(child.pid!) : undefined;
    try {
      const code = await new Promise((resolve, reject) => {
        child.once('error', reject);
        child.once('close', (status, signal) => resolve(status ?? signal));
      });
      const seconds = (performance.now() - started) / 1000;
      bench.signal.throwIfAborted();
      if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${String(code)}:\n${stderr}`);
      return { seconds, peakBytes: peak?.bytes ?? 0, cpuSeconds: peak?.cpuSeconds ?? 0, stdout };
    } finally {
      peak?.stop();
      bench.signal.removeEventListener('abort', kill);
    }
  } finally {
    await input?.close();
  }
}

/** `run` of a shell command line: for pipes. */
export function shell(commandLine: string, options: RunOptions): Promise<Run> {
  return run('bash', ['-o', 'pipefail', '-c', commandLine], options);
}

/** Of `utime` and `stime`. */
const ticksPerSecond = 100;

/**
 * The CPU time so far, and the kernel's own high-water mark of memory, read every 20 ms: they cannot go down, so only growth in the very last 20 ms would be missed.
 * (The `ru_maxrss` of a child is no use: on Linux it starts at the size of the process that made it.)
 */
function watch(pid: number): { readonly bytes: number; readonly cpuSeconds: number; stop(): void } {
  const seen = { bytes: 0, cpuSeconds: 0, stop: () => clearInterval(timer) };
  const timer = setInterval(() => {
    try {
      const mark = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
      if (mark) seen.bytes = Math.max(seen.bytes, Number(mark[1]) * 1024);
      // Behind the name, which may hold anything, utime is the 12th field.
      const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ');
      const ticks = Number(fields[11]) + Number(fields[12]);
      if (ticks > 0) seen.cpuSeconds = ticks / ticksPerSecond;
    } catch {
      clearInterval(timer);
    }
  }, 20);
  return seen;
}

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import type { Bench } from './bench.js';

/** What another client of the server felt, in ms. */
export interface Latencies {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** A client of its own process that sends a GET or SET every millisecond, whether or not the last one was answered. */
export async function startProbe(bench: Bench, port: number): Promise<{ stop(): Promise<Latencies> }> {
  const program = fileURLToPath(new URL('probe-client.js', import.meta.url));
  const child: ChildProcess = spawn(process.execPath, [program, String(port)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const kill = (): void => void child.kill('SIGKILL');
  bench.signal.addEventListener('abort', kill, { once: true });
  // Its own start is over, and its code warm.
  await delay(500, undefined, { signal: bench.signal });
  const printed = text(child.stdout!);
  child.stdin!.write('from here\n');
  return {
    async stop() {
      child.stdin!.end();
      const [[code], output] = await Promise.all([once(child, 'exit'), printed]);
      bench.signal.removeEventListener('abort', kill);
      bench.signal.throwIfAborted();
      if (code !== 0) throw new Error(`the probe ended with ${String(code)}`);
      return JSON.parse(output) as Latencies;
    },
  };
}

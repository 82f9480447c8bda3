import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import type { FileSpec } from '../../../src/lib/rollout/providers/files/open.js';

/** Runs a process that changes the route's weights without end, and kills it after so many milliseconds of that. */
export async function killAfter(spec: FileSpec, ms: number): Promise<void> {
  const program = fileURLToPath(new URL('./file-committer.ts', import.meta.url));
  const child = fork(program, [JSON.stringify(spec)], { execArgv: ['--import', 'tsx'] });
  const gone = once(child, 'exit');
  const [first] = (await Promise.race([once(child, 'message'), gone])) as [unknown];
  if (first !== 'ready') throw new Error(`the process ended with ${String(first)}`);
  await delay(ms);
  if (child.exitCode !== null) throw new Error(`the process ended by itself with ${child.exitCode}`);
  child.kill('SIGKILL');
  await gone;
}

/** Reproducible instants: the seed is printed, and METRIFY_TEST_SEED sets it. */
export function instants(count: number, longestMs: number): number[] {
  let seed = Number(process.env['METRIFY_TEST_SEED'] ?? Date.now() % 1e9);
  process.stdout.write(`METRIFY_TEST_SEED=${seed}\n`);
  return Array.from({ length: count }, () => {
    // The minimal standard generator of Park and Miller.
    seed = (seed * 48_271) % 2_147_483_647;
    return (seed / 2_147_483_647) * longestMs;
  });
}

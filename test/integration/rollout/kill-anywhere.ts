import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import type { FileSpec } from '../../../src/lib/rollout/providers/files/open.js';
import { replayable } from '../../random.js';

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

/** Milliseconds until a kill, again each time; METRIFY_TEST_SEED repeats them. */
export function* instants(count: number, longestMs: number): Generator<number> {
  const { random } = replayable('instants at which the process is killed');
  for (let i = 0; i < count; i++) yield random() * longestMs;
}

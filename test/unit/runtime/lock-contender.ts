import { readFileSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { UserError } from '../../../src/lib/core/errors.js';
import type { FileLock } from '../../../src/lib/core/file-lock.js';
import { acquireLock } from '../../../src/runtime/lock.js';
import { seeded } from '../../random.js';

/** A process that takes the lock when its parent says so, and proves that it is alone with it. */
const folder = process.argv[2]!;
const random = seeded(Number(process.argv[3]));
const proof = join(folder, 'proof');
let held: FileLock | undefined;

process.on(
  'message',
  (order: string) => void obey(order).catch((error: unknown) => process.send!(String(error))),
);
process.send!('ready');

async function obey(order: string): Promise<void> {
  if (order === 'take') process.send!(await take());
  else if (order === 'release') {
    release();
    process.send!('released');
  } else
    for (;;) {
      const answer = await take();
      if (answer === 'held') {
        process.send!('taken');
        await delay(random() * 5);
        release();
      } else if (answer !== 'LOCK_HELD') process.send!(answer);
      await delay(random() * 3);
    }
}

async function take(): Promise<string> {
  try {
    held = await acquireLock('job', { directory: folder });
  } catch (error) {
    return (error as UserError).code ?? String(error);
  }
  // A link appears at once with its content, which is all that a proof needs.
  try {
    symlinkSync(String(process.pid), proof);
  } catch {
    const other = readlinkSync(proof);
    if (isAlive(Number(other))) return `two holders: ${process.pid} and ${other}`;
    unlinkSync(proof);
    symlinkSync(String(process.pid), proof);
  }
  return 'held';
}

function release(): void {
  if (!held) return;
  unlinkSync(proof);
  held.release();
  held = undefined;
}

/** A killed one that was not waited for yet has a number still. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

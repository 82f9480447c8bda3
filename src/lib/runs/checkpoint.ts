import { readFile, unlink } from 'node:fs/promises';

import { errorMessage, NotWritten, ServiceConflict, systemCode, UserError } from '../core/errors.js';
import { rehearseFileAtomic, writeFileAtomic } from '../core/files.js';
import type { SourceIdentity, SourcePosition } from '../sources/row-source.js';

/** What must be the same for a run to go on where another one stopped. */
export interface RunIdentity {
  source: SourceIdentity;
  key: string;
  value: string;
  /** Of each target. */
  ttlMs: number[];
  ttlJitter: number;
  nx: boolean;
  targets: string[];
}

/** What became of a level's entries. */
export interface LevelCounts {
  written: number;
  skipped: number;
  failed: number;
  /** Of keys and values written. */
  bytes: number;
}

export interface Checkpoint {
  version: 1;
  run: RunIdentity;
  position: SourcePosition;
  read: number;
  levels: LevelCounts[];
  /** Length of the dead-letter file at that time. */
  deadLetterBytes: number;
  savedAt: string;
}

/** @returns undefined when there is no such file. @throws UserError exit 2 when it is no checkpoint. */
export async function readCheckpoint(path: string): Promise<Checkpoint | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new UserError(`the checkpoint ${path} cannot be read: ${errorMessage(error)}`, {
      code: 'CHECKPOINT',
    });
  }
  try {
    const checkpoint = JSON.parse(text) as Checkpoint;
    if (checkpoint.version === 1 && typeof checkpoint.position.rows === 'number') return checkpoint;
  } catch {
    // Reported below.
  }
  throw new UserError(`${path} is no checkpoint of metrify`, {
    code: 'CHECKPOINT',
    hint: 'Name another file with --resume, or remove this one to start over.',
  });
}

/** @throws ServiceConflict exit 4 naming every difference. */
export function requireSameRun(path: string, before: RunIdentity, now: RunIdentity): void {
  const differences: string[] = [];
  const compare = (name: string, a: unknown, b: unknown) => {
    if (JSON.stringify(a) !== JSON.stringify(b))
      differences.push(`${name} was ${JSON.stringify(a)}, is ${JSON.stringify(b)}`);
  };
  const sources: [Record<string, unknown>, Record<string, unknown>] = [
    { ...before.source },
    { ...now.source },
  ];
  for (const name of new Set([...Object.keys(sources[0]), ...Object.keys(sources[1])]))
    compare(`source ${name}`, sources[0][name], sources[1][name]);
  for (const name of ['key', 'value', 'ttlMs', 'ttlJitter', 'nx', 'targets'] as const)
    compare(name, before[name], now[name]);
  if (differences.length > 0)
    throw new ServiceConflict(`the checkpoint ${path} belongs to another run: ${differences.join('; ')}`, {
      code: 'CHECKPOINT_MISMATCH',
      hint: `Run with what it was made with, or remove ${path} to start over.`,
    });
}

/** Of a checkpoint that was not written. */
export const checkpointCode = 'CHECKPOINT_NOT_WRITTEN';

/** How far a run got. */
export type Reached = Omit<Checkpoint, 'version' | 'savedAt'>;

/** Whether checkpoints can be saved there, before anything needs them. @throws UserError exit 2 */
export async function rehearseCheckpoint(path: string, checkpoint: Reached): Promise<void> {
  try {
    await rehearseFileAtomic(path, render(checkpoint));
  } catch (error) {
    throw new UserError(`the checkpoint ${path} cannot be written: ${errorMessage(error)}`, {
      code: 'CHECKPOINT',
      hint: 'Nothing was written. Make room there, or name another file with --resume.',
    });
  }
}

/** @throws NotWritten; the checkpoint before stays */
export async function saveCheckpoint(path: string, checkpoint: Reached): Promise<void> {
  try {
    await writeFileAtomic(path, render(checkpoint));
  } catch (error) {
    throw new NotWritten(`the checkpoint ${path} was not written, and is as it was: ${errorMessage(error)}`, {
      code: checkpointCode,
      hint: 'Make room there first.',
    });
  }
}

function render(checkpoint: Reached): string {
  const full: Checkpoint = { version: 1, ...checkpoint, savedAt: new Date().toISOString() };
  return `${JSON.stringify(full, null, 2)}\n`;
}

/** @throws NotWritten when it stays, though the run is over */
export async function removeCheckpoint(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw new NotWritten(`the run is complete, but its checkpoint stays: ${errorMessage(error)}`, {
      code: 'CHECKPOINT',
      hint: `Remove ${path}, or the next run continues from it.`,
    });
  }
}

import { unlink } from 'node:fs/promises';

import * as z from 'zod/mini';

import { errorMessage, NotWritten, systemCode, UserError } from '../core/errors.js';
import { acquireFileLock, type FileLock } from '../core/file-lock.js';
import { readText } from '../core/input-file.js';
import { rehearseFileAtomic, writeFileAtomic } from '../core/files.js';
import { whyUnwritable } from '../core/unwritable.js';
import { checkpointCode } from './codes.js';
import { requireSameRun } from './same-run.js';

/** What a kind of run keeps in its checkpoint. */
export interface RunKind<Reached extends object> {
  /**
   * Everything that must be the same for a run to continue, as plain data: any difference means another run. Name the
   * command in it when two commands could have the same.
   */
  identity: object;
  /** How far a run of this identity can have come. What does not fit is not a checkpoint. */
  reached: z.ZodMiniType<Reached>;
}

const envelope = z.object({
  version: z.literal(1),
  run: z.record(z.string(), z.unknown()),
  savedAt: z.string(),
});

/**
 * How far a run got, kept in a file while it runs, so that the same run can continue after a stop. The file is JSON:
 * `version`, `run` (the identity), the members of `Reached`, `savedAt`. Anybody may have edited it.
 */
export class Checkpoint<Reached extends object> {
  /** Where an earlier run stopped; undefined when this one starts at the beginning. */
  readonly reached: Reached | undefined;
  readonly path: string;
  readonly #identity: object;
  #exists: boolean;

  private constructor(path: string, identity: object, reached: Reached | undefined, exists: boolean) {
    this.path = path;
    this.#identity = identity;
    this.reached = reached;
    this.#exists = exists;
  }

  /**
   * Reads the file, if there is one.
   * @throws UserError exit 2 when it cannot be read or is not a checkpoint; ServiceConflict exit 4 when it belongs to
   * another run, with every difference.
   */
  static async open<Reached extends object>(
    path: string,
    { identity, reached }: RunKind<Reached>,
  ): Promise<Checkpoint<Reached>> {
    const text = await readStored(path);
    if (text === undefined) return new Checkpoint<Reached>(path, identity, undefined, false);
    const stored = parseJson(path, text);
    const { run } = fitting(path, envelope, stored);
    // Before the rest, which means something only for the run that it belongs to.
    requireSameRun(path, run, identity);
    return new Checkpoint(path, identity, fitting(path, reached, stored), true);
  }

  /** The same file for a run that cannot continue. */
  startingOver(): Checkpoint<Reached> {
    return new Checkpoint<Reached>(this.path, this.#identity, undefined, this.#exists);
  }

  /** Whether there is a file to continue from. */
  get exists(): boolean {
    return this.#exists;
  }

  /** Whether it can be saved, before anything needs it. @throws UserError exit 2 */
  async rehearse(reached: Reached): Promise<void> {
    try {
      await rehearseFileAtomic(this.path, this.#render(reached));
    } catch (error) {
      throw new UserError(`the checkpoint ${this.path} cannot be written: ${whyUnwritable(error)}`, {
        code: 'CHECKPOINT',
        hint: 'Nothing was written. Make room there, or name another file with --resume.',
      });
    }
  }

  /** Keeps others of this host from running by the same file, until it is released. @throws as acquireFileLock */
  hold(command: string): Promise<FileLock> {
    return acquireFileLock(`${this.path}.lock`, { title: `the checkpoint ${this.path}`, command });
  }

  /** @throws NotWritten; the checkpoint before stays */
  async save(reached: Reached): Promise<void> {
    try {
      await writeFileAtomic(this.path, this.#render(reached));
    } catch (error) {
      throw new NotWritten(
        `the checkpoint ${this.path} was not written, and is as it was: ${errorMessage(error)}`,
        { code: checkpointCode, hint: 'Make room there first.' },
      );
    }
    this.#exists = true;
  }

  /** @throws NotWritten when it stays, though the run is over */
  async remove(): Promise<void> {
    try {
      await unlink(this.path);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT')
        throw new NotWritten(`the run is complete, but its checkpoint stays: ${errorMessage(error)}`, {
          code: 'CHECKPOINT',
          hint: `Remove ${this.path}, or the next run continues from it.`,
        });
    }
    this.#exists = false;
  }

  #render(reached: Reached): string {
    const stored = { version: 1, run: this.#identity, ...reached, savedAt: new Date().toISOString() };
    return `${JSON.stringify(stored, null, 2)}\n`;
  }
}

async function readStored(path: string): Promise<string | undefined> {
  try {
    return await readText(path, (stats) => {
      // A pipe keeps nothing that a run could continue from, and a folder has no text.
      if (!stats.isFile())
        throw new Error(stats.isDirectory() ? 'it is a directory' : 'it is not a regular file');
    });
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw new UserError(`the checkpoint ${path} cannot be read: ${errorMessage(error)}`, {
      code: 'CHECKPOINT',
    });
  }
}

function parseJson(path: string, text: string): unknown {
  try {
    const stored: unknown = JSON.parse(text);
    // What is nested too deeply to be printed could not be compared either.
    JSON.stringify(stored);
    return stored;
  } catch {
    throw notCheckpoint(path, 'it is not JSON');
  }
}

function fitting<T>(path: string, schema: z.ZodMiniType<T>, stored: unknown): T {
  const parsed = schema.safeParse(stored);
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  const place = first!.path.map(String).join('.');
  throw notCheckpoint(
    path,
    first!.code === 'custom'
      ? first!.message
      : place === ''
        ? 'it is not an object'
        : `${place} is missing or wrong`,
  );
}

function notCheckpoint(path: string, why: string): UserError {
  return new UserError(`${path} is not a checkpoint of metrify: ${why}`, {
    code: 'CHECKPOINT',
    hint: 'Name another file with --resume, or remove this one to start over.',
  });
}

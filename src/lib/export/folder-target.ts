import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

import { errorMessage, NotWritten, systemCode, UserError } from '../core/errors.js';
import { type FileLock, acquireFileLock } from '../core/file-lock.js';
import { ExitCode } from '../core/exit-codes.js';
import { isHidden } from './data-files.js';
import {
  type FolderCommit,
  makeCommit,
  noteCommit,
  removeStaging,
  settleStaging,
  syncNames,
} from './folder-commit.js';
import { manifestName } from './manifest.js';
import type { Change, OpenTarget, Target } from './target.js';
import { TemporaryFile } from './temporary-file.js';

/** Begins with a dot, as what Spark, Hive and DuckDB pass over; so do none of its files have a reader's suffix. */
const stagingPrefix = '.metrify-';
const lockName = '.metrify.lock';
/** A folder. Its files are written aside, and renamed when all of them are whole and on the disk. */
export class FolderTarget implements Target {
  /** @param name its absolute path */
  constructor(readonly name: string) {}

  async open(): Promise<OpenTarget> {
    const folder = this.name;
    try {
      const made = await mkdir(folder, { recursive: true });
      if (made !== undefined) await syncNames(dirname(made), folder);
    } catch (error) {
      throw unusable(folder, error);
    }
    const lock = await acquireFileLock(join(folder, lockName), {
      title: `the dataset ${folder}`,
    }).catch((error: unknown) => {
      throw error instanceof UserError && error.code === 'LOCK_UNUSABLE'
        ? unusable(folder, error.cause)
        : error;
    });
    try {
      // Whoever held the lock before has ended.
      for (const name of await readdir(folder))
        if (name.startsWith(stagingPrefix)) await settleStaging(folder, join(folder, name));
      const staging = join(folder, `${stagingPrefix}${randomBytes(6).toString('hex')}`);
      await mkdir(staging);
      return new OpenFolder(folder, staging, lock, await readManifest(folder));
    } catch (error) {
      lock.release();
      throw error instanceof UserError ? error : unusable(folder, error);
    }
  }
}

class OpenFolder implements OpenTarget {
  readonly canReplaceFiles = true;
  #staged = 0;
  #isCommitting = false;

  constructor(
    readonly folder: string,
    readonly staging: string,
    readonly lock: FileLock,
    readonly manifest: string | undefined,
  ) {}

  async list(): Promise<readonly string[]> {
    const files: string[] = [];
    const visit = async (folder: string): Promise<void> => {
      for (const entry of await readdir(folder, { withFileTypes: true })) {
        if (isHidden(entry.name)) continue;
        const path = join(folder, entry.name);
        if (entry.isDirectory()) await visit(path);
        else files.push(relative(this.folder, path));
      }
    };
    await visit(this.folder);
    return files;
  }

  stage(path: string): TemporaryFile {
    return new TemporaryFile(path, join(this.staging, `${this.#staged++}.tmp`));
  }

  async commit({ files, removed, manifest }: Change): Promise<void> {
    const commit: FolderCommit = {
      files: (files as readonly TemporaryFile[]).map(({ path, local }) => ({
        path,
        staged: relative(this.staging, local),
      })),
      removed: [...removed],
      manifest,
    };
    try {
      await noteCommit(this.folder, this.staging, commit);
    } catch (error) {
      throw new NotWritten(`${this.folder} cannot be written: ${errorMessage(error)}`, {
        cause: error,
        hint: 'Nothing of the dataset was changed. Make room, and run it again.',
      });
    }
    this.#isCommitting = true;
    try {
      await makeCommit(this.folder, this.staging, commit);
    } catch (error) {
      throw new NotWritten(`${this.folder} has a part of its new files only: ${errorMessage(error)}`, {
        cause: error,
        hint: 'The next run puts the others there.',
      });
    }
    this.#isCommitting = false;
  }

  async close(): Promise<void> {
    if (!this.#isCommitting) await removeStaging(this.staging);
    this.lock.release();
  }
}

async function readManifest(folder: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, manifestName), 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function unusable(folder: string, error: unknown): UserError {
  return new UserError(`${folder} cannot be written: ${errorMessage(error)}`, {
    code: 'TARGET_UNUSABLE',
    exitCode: ExitCode.unavailable,
    cause: error,
    hint: 'Give a folder that may be written, or a new one.',
  });
}

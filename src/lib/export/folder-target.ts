import { randomBytes } from 'node:crypto';
import { access, mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

import * as z from 'zod/mini';

import { errorMessage, NotWritten, systemCode, UserError } from '../core/errors.js';
import { type FileLock, acquireFileLock } from '../core/file-lock.js';
import { writeFileAtomic } from '../core/files.js';
import { ExitCode } from '../core/exit-codes.js';
import { isHidden } from './data-files.js';
import { datasetPath, manifestName } from './manifest.js';
import type { Change, OpenTarget, Target } from './target.js';
import { TemporaryFile } from './temporary-file.js';

/** Begins with a dot, as what Spark, Hive and DuckDB pass over; so do none of its files have a reader's suffix. */
const stagingPrefix = '.metrify-';
const lockName = '.metrify.lock';
/** In the staging folder: the change that is being made. */
const commitName = 'commit.json';

const commitSchema = z.object({
  files: z.array(z.object({ path: datasetPath, staged: datasetPath })),
  removed: z.array(datasetPath),
  manifest: z.string(),
});
type Commit = z.infer<typeof commitSchema>;

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
        if (name.startsWith(stagingPrefix)) await settle(folder, join(folder, name));
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
    const commit: Commit = {
      files: (files as readonly TemporaryFile[]).map(({ path, temporary }) => ({
        path,
        staged: relative(this.staging, temporary),
      })),
      removed: [...removed],
      manifest,
    };
    try {
      // The note says that the files are there.
      await syncFolder(this.staging);
      await writeFileAtomic(join(this.staging, commitName), JSON.stringify(commit));
      await syncFolder(this.staging);
      await syncFolder(this.folder);
    } catch (error) {
      throw new NotWritten(`${this.folder} cannot be written: ${errorMessage(error)}`, {
        cause: error,
        hint: 'Nothing of the dataset was changed. Make room, and run it again.',
      });
    }
    this.#isCommitting = true;
    try {
      await complete(this.folder, this.staging, commit, rename);
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

/** Completes the change that a dead run was about to make, if it was, and removes its staging folder. */
async function settle(folder: string, staging: string): Promise<void> {
  const commit = await readCommit(join(staging, commitName));
  if (commit) await complete(folder, staging, commit, renameUnlessDone);
  await removeStaging(staging);
}

/** A note without its files could not be settled. */
async function removeStaging(staging: string): Promise<void> {
  await rm(join(staging, commitName), { force: true });
  await rm(staging, { recursive: true, force: true });
}

async function readCommit(path: string): Promise<Commit | undefined> {
  try {
    return commitSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** May be done again, from any point on, when `put` passes over files that are there. */
async function complete(
  folder: string,
  staging: string,
  commit: Commit,
  put: (from: string, to: string) => Promise<void>,
): Promise<void> {
  const changes = changesByFolder(commit);
  // Folder by folder, so that a reader finds old and new files together in one only, and as shortly as can be.
  for (const [within, { added, removed }] of changes) {
    if (added.length > 0) await mkdir(join(folder, within), { recursive: true });
    for (const { path, staged } of added) await put(join(staging, staged), join(folder, path));
    for (const path of removed) await rm(join(folder, path), { force: true });
  }
  const touched = new Set([...changes.keys()].flatMap(withParents));
  for (const within of touched) await syncFolder(join(folder, within));
  for (const [within, { added }] of changes) if (added.length === 0) await removeEmpty(folder, within);
  await writeFileAtomic(join(folder, manifestName), commit.manifest);
  await syncFolder(folder);
}

interface FolderChange {
  readonly added: Commit['files'];
  readonly removed: string[];
}

function changesByFolder({ files, removed }: Commit): ReadonlyMap<string, FolderChange> {
  const changes = new Map<string, FolderChange>();
  const changesOf = (path: string) => {
    const within = dirname(path);
    let there = changes.get(within);
    if (!there) changes.set(within, (there = { added: [], removed: [] }));
    return there;
  };
  for (const file of files) changesOf(file.path).added.push(file);
  for (const path of removed) changesOf(path).removed.push(path);
  return changes;
}

async function renameUnlessDone(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    // The dead run had come so far; or somebody has removed the file.
    await access(to).catch((cause: unknown) => {
      throw new UserError(`${to} was to become a file of the dataset, and is gone: ${from}`, {
        code: 'TARGET_UNUSABLE',
        exitCode: ExitCode.unavailable,
        cause,
        hint: 'A dead run had noted its change, and somebody has removed its files. Export to a new folder.',
      });
    });
  }
}

async function removeEmpty(folder: string, within: string): Promise<void> {
  for (const each of withParents(within).reverse()) {
    if (each === '.') return;
    try {
      await rmdir(join(folder, each));
    } catch {
      // Something else is in it, or it is gone.
      return;
    }
  }
}

/** `a=1/b=2` → `.`, `a=1`, `a=1/b=2`. */
function withParents(within: string): string[] {
  return within === '.' ? ['.'] : [...withParents(dirname(within)), within];
}

/** Has the names of new folders on the disk: `a/b/c` and all above it, up to `a`. */
async function syncNames(from: string, to: string): Promise<void> {
  for (let folder = to; folder !== from; folder = dirname(folder)) await syncFolder(dirname(folder));
}

/** Names are on the disk only when their folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  try {
    await folder?.sync();
  } finally {
    await folder?.close();
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

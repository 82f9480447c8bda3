import { access, mkdir, open, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import * as z from 'zod/mini';

import { systemCode, UserError } from '../core/errors.js';
import { ExitCode } from '../core/exit-codes.js';
import { writeFileAtomic } from '../core/files.js';
import { datasetPath, manifestName } from './manifest.js';

/** In the staging folder: the change that is being made. */
const commitName = 'commit.json';

const commitSchema = z.object({
  files: z.array(z.object({ path: datasetPath, staged: datasetPath })),
  removed: z.array(datasetPath),
  manifest: z.string(),
});
/** A change of a dataset in a folder. */
export type FolderCommit = z.infer<typeof commitSchema>;

/** Notes a change whose files are on the disk. @param staging where they are, within the dataset's folder */
export async function noteCommit(folder: string, staging: string, commit: FolderCommit): Promise<void> {
  // The note says that the files are there.
  await syncFolder(staging);
  await writeFileAtomic(join(staging, commitName), JSON.stringify(commit));
  await syncFolder(staging);
  await syncFolder(folder);
}

/** Makes a change that is noted. */
export function makeCommit(folder: string, staging: string, commit: FolderCommit): Promise<void> {
  return complete(folder, staging, commit, rename);
}

/** Completes the change that a dead run was about to make, if it was, and removes its staging folder. */
export async function settleStaging(folder: string, staging: string): Promise<void> {
  const commit = await readCommit(join(staging, commitName));
  if (commit) await complete(folder, staging, commit, renameUnlessDone);
  await removeStaging(staging);
}

/** A note without its files could not be settled. */
export async function removeStaging(staging: string): Promise<void> {
  await rm(join(staging, commitName), { force: true });
  await rm(staging, { recursive: true, force: true });
}

async function readCommit(path: string): Promise<FolderCommit | undefined> {
  try {
    return commitSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Can be repeated from any point, when `put` passes over files that are there. */
async function complete(
  folder: string,
  staging: string,
  commit: FolderCommit,
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
  readonly added: FolderCommit['files'];
  readonly removed: string[];
}

function changesByFolder({ files, removed }: FolderCommit): ReadonlyMap<string, FolderChange> {
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
export async function syncNames(from: string, to: string): Promise<void> {
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

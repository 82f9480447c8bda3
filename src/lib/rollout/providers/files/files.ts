import { copyFile, link, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ServiceRefused, ServiceUnavailable, errorMessage, systemCode } from '../../../core/errors.js';
import { readWhole } from '../../../core/input-file.js';

/** Whose file it is. */
export interface Ownership {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * A file of metrify's own beside a configuration. Its name begins with a dot, so that a server that includes all files
 * of the folder (`include sites-enabled/*`) does not take it for configuration.
 */
export function beside(path: string, name: string): string {
  return join(dirname(path), `.${basename(path)}.metrify.${name}`);
}

/** @returns undefined when there is no such file */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readWhole(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw fileProblem(`${path} cannot be read`, error);
  }
}

/** Writes a file that is to be renamed into place, and has it on the disk. */
export async function stage(path: string, content: string | Buffer, owner?: Ownership): Promise<void> {
  try {
    await rm(path, { force: true });
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(content);
      const { uid, gid } = await file.stat();
      if (owner && (owner.uid !== uid || owner.gid !== gid)) await file.chown(owner.uid, owner.gid);
      await file.chmod((owner?.mode ?? 0o644) & 0o7777);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw fileProblem(`${path} cannot be written`, error);
  }
}

/** Keeps what `path` names under a second name; where the file system has no links, a copy. */
export async function keep(path: string, as: string): Promise<void> {
  try {
    await rm(as, { force: true });
    await link(path, as).catch(() => copyFile(path, as));
  } catch (error) {
    throw fileProblem(`${path} cannot be kept as ${as}`, error);
  }
}

/** Renames, and has it on the disk. */
export async function replace(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    throw fileProblem(`${to} cannot be replaced`, error);
  }
  await syncFolder(to);
}

export async function remove(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (error) {
    throw fileProblem(`${path} cannot be removed`, error);
  }
  await syncFolder(path);
}

/** Replaces a whole file in one go. Whoever calls it holds the lock under which this file is written. */
export async function put(path: string, content: string): Promise<void> {
  const draft = `${path}.next`;
  try {
    await stage(draft, content);
    await replace(draft, path);
  } finally {
    await rm(draft, { force: true }).catch(() => undefined);
  }
}

/** After a crash of the host a name may still be the old one, unless its folder was synced. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path)).catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}

/** What a person needs to know of a system error. @throws the error itself when it is none */
export function fileProblem(what: string, error: unknown): ServiceRefused | ServiceUnavailable {
  const code = systemCode(error);
  if (code === undefined) throw error;
  if (code === 'EROFS') return new ServiceRefused(`${what}: the file system is read-only`, { cause: error });
  if (code === 'EACCES' || code === 'EPERM')
    return new ServiceRefused(`${what}: permission denied`, {
      cause: error,
      hint: 'Run metrify as the user who owns the configuration and its folder.',
    });
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new ServiceUnavailable(`${what}: the disk is full`, { cause: error });
  if (code === 'EBUSY' || code === 'EXDEV')
    return new ServiceRefused(`${what}: it is mounted by itself`, {
      cause: error,
      hint: 'Mount its folder instead, so that the file can be swapped.',
    });
  return new ServiceUnavailable(`${what}: ${errorMessage(error)}`, { cause: error });
}

import { randomBytes } from 'node:crypto';
import { constants, readFileSync, unlinkSync } from 'node:fs';
import { link, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ServiceConflict, UserError, errorMessage, systemCode } from './errors.js';
import { ExitCode } from './exit-codes.js';
import { type ProcessIdentity, isRunning, ownIdentity, userName } from './process-identity.js';

export interface FileLock {
  path: string;
  /** Removes the lock if it is still ours; never throws. */
  release(): void;
}

/** What the lock's file says of its holder. */
interface Holder extends ProcessIdentity {
  /** Different for every attempt to take a lock. */
  token: string;
  command: string;
  startedAt: string;
  user: string;
}

/** How long a dead holder's lock may be fought over. */
const takeOverMs = 2000;

export interface FileLockOptions {
  /** What is locked, for people: begins the message when somebody else holds it. */
  readonly title: string;
  /** What the holder is doing, for whoever finds the lock. */
  readonly command?: string;
  /** How long to wait for a holder that runs. Default: not at all. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Takes a lock that processes of this host share. It is held until it is released or its process is gone.
 *
 * The file appears with its content (written aside, then linked to its name), so it is never seen half written.
 * A lock whose holder is gone is taken over by whoever links `LOCK.<holder's token>.next` first: that name is the
 * right to replace this holder, and it stays while the lock names the holder. Should its owner die too, the right to
 * act in its stead is `LOCK.<owner's token>.next`, and so on. With the right in hand the lock is read again: if it
 * still names the same dead holder nobody else can replace it, and a rename does; if not, the right is void.
 *
 * @throws ServiceConflict exit 4 `LOCK_HELD`, naming the holder; UserError exit 4 when the file is no lock of ours, or
 * `LOCK_UNUSABLE` (with its cause) when none can be made there
 */
export async function acquireFileLock(
  path: string,
  { title, command = '', patienceMs = 0, signal }: FileLockOptions,
): Promise<FileLock> {
  const identity = await ownIdentity();
  const start = performance.now();
  for (;;) {
    signal?.throwIfAborted();
    const holder: Holder = {
      ...identity,
      token: randomBytes(16).toString('hex'),
      command,
      startedAt: new Date().toISOString(),
      user: userName(),
    };
    const blocker = await attempt(path, holder);
    if (blocker === undefined) {
      await sweep(path).catch(() => {});
      return { path, release: () => release(path, holder.token) };
    }
    const holds = blocker !== 'lost' && blocker.holds;
    if (blocker !== 'lost' && performance.now() - start >= (holds ? patienceMs : takeOverMs))
      throw held(title, path, blocker.holder);
    await delay((holds ? 20 : 2) + Math.random() * 8);
  }
}

type Blocker = { holder: Holder; holds: boolean } | 'lost';

/** @returns undefined when the lock is ours, 'lost' when everything changed meanwhile: look again. */
async function attempt(path: string, own: Holder): Promise<Blocker | undefined> {
  const draft = `${path}.${own.token}.tmp`;
  await writeDraft(draft, own);
  try {
    if (await linkExclusively(draft, path)) return undefined;
    const stale = await readHolder(path);
    if (stale === undefined) return 'lost';
    if (await isRunning(stale)) return { holder: stale, holds: true };
    return await takeOver(path, stale, draft);
  } finally {
    await unlink(draft).catch(() => {});
  }
}

async function takeOver(path: string, stale: Holder, draft: string): Promise<Blocker | undefined> {
  let next = rightTo(path, stale);
  while (!(await linkExclusively(draft, next))) {
    const owner = await readHolder(next);
    if (owner === undefined) return 'lost';
    if (await isRunning(owner)) return { holder: owner, holds: false };
    next = rightTo(path, owner);
  }
  if ((await readHolder(path))?.token !== stale.token) {
    await unlink(next).catch(() => {});
    return 'lost';
  }
  try {
    await rename(next, path);
  } catch (error) {
    await unlink(next).catch(() => {});
    throw new UserError(
      `the lock ${path} of ${stale.user} is left over, and cannot be replaced: ${errorMessage(error)}`,
      {
        code: 'LOCK_LEFT_OVER',
        exitCode: ExitCode.refused,
        hint: `Its process ${stale.pid} is gone. Have ${stale.user} or root remove ${path}.`,
      },
    );
  }
  return undefined;
}

function rightTo(path: string, holder: Holder): string {
  return `${path}.${holder.token}.next`;
}

/** Removes what dead contenders left. Only the holder may: while it lives, no `.next` can be the right to anything. */
async function sweep(path: string): Promise<void> {
  const folder = dirname(path);
  for (const name of await readdir(folder)) {
    if (!name.startsWith(`${basename(path)}.`) || !/\.(next|tmp)$/.test(name)) continue;
    const file = join(folder, name);
    const owner = await readHolder(file).catch(() => undefined);
    const abandoned = owner ? !(await isRunning(owner)) : await isOld(file);
    if (abandoned) await unlink(file).catch(() => {});
  }
}

/** A draft that its process never finished names nobody; one that is being written is younger. */
async function isOld(file: string): Promise<boolean> {
  const { mtimeMs } = await stat(file);
  return Date.now() - mtimeMs > 60_000;
}

async function writeDraft(path: string, holder: Holder): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o644);
    try {
      await file.chmod(0o644);
      await file.writeFile(`${JSON.stringify(holder)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await unlink(path).catch(() => {});
    throw unusable(path, error);
  }
}

async function linkExclusively(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw unusable(to, error);
  }
}

function unusable(path: string, error: unknown): UserError {
  return new UserError(`the lock ${path} cannot be made: ${errorMessage(error)}`, {
    code: 'LOCK_UNUSABLE',
    exitCode: ExitCode.refused,
    cause: error,
  });
}

/** Undefined when there is no such file. Others can write into the folder, so links and odd files are refused. */
async function readHolder(path: string): Promise<Holder | undefined> {
  let text: string | undefined;
  let cause: unknown;
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(65_536));
      if ((await file.stat()).isFile()) text = buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    cause = error;
  }
  const holder = text === undefined ? undefined : parseHolder(text);
  if (holder) return holder;
  throw new UserError(`${path} is not a lock that metrify wrote${cause ? `: ${errorMessage(cause)}` : ''}`, {
    code: 'LOCK_CORRUPT',
    exitCode: ExitCode.refused,
    hint: `Look at it; if no metrify is running under this lock, remove ${path}.`,
  });
}

function parseHolder(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Partial<Holder> | null;
    const texts = [holder?.startTime, holder?.bootId, holder?.command, holder?.startedAt, holder?.user];
    // The token becomes part of a file's name.
    const valid =
      /^[0-9a-f]{32}$/.test(String(holder?.token)) && texts.every((value) => typeof value === 'string');
    return valid && Number.isSafeInteger(holder?.pid) && holder!.pid! > 0 ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}

function held(title: string, path: string, { pid, command, startedAt, user }: Holder): ServiceConflict {
  const what = command === '' ? '' : ` (${command})`;
  return new ServiceConflict(`${title} is held by process ${pid}${what} of ${user} since ${startedAt}`, {
    code: 'LOCK_HELD',
    hint: `Wait for it to end, or stop it. Its lock is ${path}.`,
  });
}

function release(path: string, token: string): void {
  try {
    if (parseHolder(readFileSync(path, 'utf8'))?.token === token) unlinkSync(path);
  } catch {
    // Gone already, or not ours to remove: nothing is held by us either way.
  }
}

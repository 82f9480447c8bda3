import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { promisify } from 'node:util';
import { systemCode } from './errors.js';

const run = promisify(execFile);

/** What tells a process from every other one: numbers are used again, also after the host was started again. */
export interface ProcessIdentity {
  pid: number;
  /** When the process began, as its system writes it. */
  startTime: string;
  /** Changes whenever the host starts. */
  bootId: string;
  /** Linux: process numbers mean something only within one of these (a container has its own). */
  pidNamespace?: string | undefined;
}

export async function ownIdentity(): Promise<ProcessIdentity> {
  const [startTime, bootId, pidNamespace] = await Promise.all([
    startTimeOf(process.pid),
    currentBoot(),
    namespace(),
  ]);
  return { pid: process.pid, startTime: startTime ?? '', bootId, ...(pidNamespace ? { pidNamespace } : {}) };
}

/** Whether that very process still runs. What cannot be found out counts as running. */
export async function isRunning(identity: ProcessIdentity): Promise<boolean> {
  if (identity.bootId !== (await currentBoot())) return false;
  const here = await namespace();
  if (identity.pidNamespace !== undefined && here !== undefined && identity.pidNamespace !== here)
    return true;
  try {
    process.kill(identity.pid, 0);
  } catch (error) {
    // Another user's process may not be signalled, but it is there.
    if (systemCode(error) !== 'EPERM') return false;
  }
  const startTime = await startTimeOf(identity.pid);
  return startTime === undefined || startTime === identity.startTime;
}

/** Whether it certainly ended: one of another host or another container may run there. */
export async function hasEnded(identity: ProcessIdentity): Promise<boolean> {
  return identity.bootId === (await currentBoot()) && !(await isRunning(identity));
}

/** An identity as it was stored, and may have been edited. */
export function readIdentity(stored: unknown): ProcessIdentity | undefined {
  const { pid, startTime, bootId, pidNamespace } = (stored ?? {}) as Partial<ProcessIdentity>;
  const texts = [startTime, bootId, pidNamespace ?? ''];
  return Number.isSafeInteger(pid) && pid! > 0 && texts.every((text) => typeof text === 'string')
    ? { pid: pid!, startTime: startTime!, bootId: bootId!, pidNamespace }
    : undefined;
}

/**
 * Undefined where it cannot be seen. A process that ended and waits for its parent (a zombie) never compares equal:
 * it holds nothing any more.
 */
async function startTimeOf(pid: number): Promise<string | undefined> {
  // Cron and terminals have other locales and time zones, and must read the same.
  if (process.platform !== 'linux')
    return run('ps', ['-o', 'lstart=', '-p', String(pid)], {
      env: { PATH: '/bin:/usr/bin', LC_ALL: 'C', TZ: 'UTC' },
    }).then(
      ({ stdout }) => stdout.trim() || undefined,
      () => undefined,
    );
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The second field is the program's name in parentheses, and may itself hold spaces and parentheses.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields?.[0] === 'Z' || fields?.[0] === 'X' ? 'ended' : fields?.[19];
}

async function currentBoot(): Promise<string> {
  if (process.platform === 'linux') return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  return run('sysctl', ['-n', 'kern.boottime']).then(
    ({ stdout }) => stdout.trim(),
    () => 'unknown',
  );
}

async function namespace(): Promise<string | undefined> {
  return process.platform === 'linux' ? readlink('/proc/self/ns/pid').catch(() => undefined) : undefined;
}

/** The user's name, or number: a container may run under one that has no name. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}

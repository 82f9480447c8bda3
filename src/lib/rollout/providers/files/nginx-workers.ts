import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The workers of an NGINX master that accept connections: not those that are shutting down. */
export async function servingWorkers(master: number): Promise<number[]> {
  const children = (await childrenFromProc(master)) ?? (await childrenFromPs(master));
  return children.filter(({ title }) => /: worker process\s*$/.test(title)).map(({ pid }) => pid);
}

interface Child {
  readonly pid: number;
  /** As the process names itself. */
  readonly title: string;
}

/** Undefined where the system has no such list. */
async function childrenFromProc(parent: number): Promise<Child[] | undefined> {
  const list = await readFile(`/proc/${parent}/task/${parent}/children`, 'utf8').catch(() => undefined);
  if (list === undefined) return undefined;
  const pids = list.split(' ').map(Number).filter(Boolean);
  return Promise.all(
    pids.map(async (pid) => ({
      pid,
      // One that ended meanwhile has no title, and counts as no worker.
      title: (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' '),
    })),
  );
}

async function childrenFromPs(parent: number): Promise<Child[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,command='], {
    env: { PATH: '/bin:/usr/bin', LC_ALL: 'C' },
  });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, ppid, title] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return Number(ppid) === parent ? [{ pid: Number(pid), title: title! }] : [];
  });
}

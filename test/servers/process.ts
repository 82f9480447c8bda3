import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface LaunchOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly directory: string;
  /** Remove the folder when this process dies without stopping its server. Default true. */
  readonly temporary?: boolean;
  readonly env?: NodeJS.ProcessEnv;
  /** Run as this user; only root can. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** What asks the server to stop. Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
  /** Asked again and again until it says yes or the process ends. */
  readonly ready: () => Promise<boolean>;
  readonly startTimeoutMs?: number;
}

export interface ServerProcess {
  readonly pid: number;
  readonly running: boolean;
  /** The last 20 kB of stdout and stderr. */
  output(): string;
  signal(signal: NodeJS.Signals): void;
  /** The stop signal, then SIGKILL after 5 s. Resolves when the process is gone. */
  stop(): Promise<void>;
  /** SIGKILL. Resolves when the process is gone. */
  kill(): Promise<void>;
}

const STOP_TIMEOUT_MS = 20_000;

/** A guard outlives its owner: a closed pipe without the word `released` means that the owner died without stopping its server. */
const GUARD = `
trap '' INT TERM HUP
read -r word
[ "$word" = released ] && exit 0
kill -"$3" "$1" 2>/dev/null; kill -CONT "$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$1" 2>/dev/null || break; sleep 0.2; done
kill -KILL "$1" 2>/dev/null
sleep 0.2
[ -z "$2" ] || rm -rf "$2"
`;

/** Starts a server in the foreground of its own process group and waits until it answers. Throws with its output when it doesn't. */
export async function launch(options: LaunchOptions): Promise<ServerProcess> {
  const stopSignal = options.stopSignal ?? 'SIGTERM';
  const child = spawn(options.command, options.args, {
    cwd: options.directory,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    ...(options.user && process.getuid?.() === 0 ? options.user : {}),
  });
  let output = '';
  const keep = (data: Buffer): void => {
    output = (output + data.toString()).slice(-20_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      output += String(error);
      resolve();
    });
  });
  if (child.pid === undefined) {
    await gone;
    throw new Error(`${options.command} did not start: ${output}`);
  }
  const guard = startGuard(child.pid, options.temporary === false ? '' : options.directory, stopSignal);
  void gone.then(() => guard.stdin?.end('released\n'));

  const server: ServerProcess = {
    pid: child.pid,
    get running() {
      return child.exitCode === null && child.signalCode === null;
    },
    output: () => output,
    signal(signal) {
      if (!server.running) return;
      if (signal === 'SIGSTOP') freeze(server.pid);
      else child.kill(signal);
    },
    async stop() {
      if (!server.running) return;
      child.kill(stopSignal);
      child.kill('SIGCONT');
      const patience = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      await gone;
      clearTimeout(patience);
    },
    async kill() {
      if (!server.running) return;
      child.kill('SIGKILL');
      await gone;
    },
  };
  await waitUntilReady(server, options);
  return server;
}

async function waitUntilReady(server: ServerProcess, options: LaunchOptions): Promise<void> {
  const deadline = Date.now() + (options.startTimeoutMs ?? 60_000);
  while (server.running && Date.now() < deadline) {
    if (await options.ready()) {
      // Somebody else may answer on a port that our process could not have.
      await new Promise((resolve) => setTimeout(resolve, 10));
      if (server.running) return;
    } else await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await server.kill();
  throw new Error(`${options.command} did not get ready:\n${server.output()}`);
}

function startGuard(pid: number, directory: string, signal: string): ChildProcess {
  const guard = spawn('sh', ['-c', GUARD, 'guard', String(pid), directory, signal.replace('SIG', '')], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.stdin.on('error', () => undefined);
  guard.unref();
  return guard;
}

/** Tries again when a port that was free a moment ago is taken. */
export async function retrying<T>(start: () => Promise<T>, attempts = 3): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start();
    } catch (error) {
      if (attempt >= attempts) throw error;
    }
  }
}

export interface TemporaryDirectory {
  readonly path: string;
  remove(): Promise<void>;
}

export async function temporaryDirectory(
  name: string,
  owner?: { readonly uid: number; readonly gid: number },
): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), `metrify-${name}-`));
  if (owner && process.getuid?.() === 0) await chown(path, owner.uid, owner.gid);
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** SIGSTOP; returns when each of the process's threads stands still, which on a busy machine is a while after the signal. */
export function freeze(pid: number): void {
  process.kill(pid, 'SIGSTOP');
  if (process.platform !== 'linux') return;
  const stands = (thread: string): boolean => {
    try {
      return /\) [TtZX] /.test(readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8'));
    } catch {
      return true;
    }
  };
  const deadline = Date.now() + 60_000;
  while (!readdirSync(`/proc/${pid}/task`).every(stands))
    if (Date.now() > deadline) throw new Error(`process ${pid} does not stop`);
}

/** Whether there is a process of that number that has not ended: one whose parent has not asked for its end has. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

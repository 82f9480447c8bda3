import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { ServiceUnavailable } from '../core/errors.js';

const patienceMs = 2000;
const keptOutput = 1 << 20;

/**
 * Stays when this process is killed or leaves at once, and then tidies in its place: it stops every process it was
 * told of and removes the folder. Its standard input is the line: `+PID`, `-PID`, `done`, and the end of it.
 */
const keeperScript = `
pids=
while read -r word; do
  case $word in
    done) exit 0 ;;
    +*) pids="$pids \${word#+}" ;;
    -*) rest=; for pid in $pids; do [ "$pid" = "\${word#-}" ] || rest="$rest $pid"; done; pids=$rest ;;
  esac
done
alive() { kill -0 "$1" && ! grep -qs '^State:[[:space:]]*Z' "/proc/$1/status"; }
for pid in $pids; do kill -INT "$pid"; done
for turn in 1 2 3 4 5 6 7 8 9 10; do
  left=
  for pid in $pids; do alive "$pid" && left=1; done
  [ -z "$left" ] && break
  sleep 0.3
done
for pid in $pids; do kill -KILL "$pid"; done
rm -rf -- "$1" || { sleep 1; rm -rf -- "$1"; }
`;

export interface StartOptions {
  env: NodeJS.ProcessEnv;
  cwd?: string;
  /** The user to run as, when this process is root. */
  user?: { uid: number; gid: number } | undefined;
}

export interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A process of ours, with what it has printed so far. */
export interface Started {
  readonly pid: number;
  readonly ended: Promise<Ending>;
  stdout(): string;
  stderr(): string;
  /** Asks it to stop, and makes it after a while. */
  stop(): Promise<Ending>;
  /** As a crash would end it. */
  kill(): void;
}

/** A temporary folder and the processes that work in it: both are gone after `close`, however this process ends. */
export class Premises {
  readonly #running = new Set<Started>();
  readonly #pids: number[] = [];
  #closing: Promise<void> | undefined;

  private constructor(
    readonly folder: string,
    private readonly keeper: ChildProcess | undefined,
  ) {}

  /** @param parent where temporary folders are made. */
  static async open(parent: string): Promise<Premises> {
    const folder = await mkdtemp(join(parent, 'metrify-demo-'));
    // Another user, whom a server runs as, has to get through to the server's own folder.
    await chmod(folder, 0o711);
    let keeper: ChildProcess | undefined;
    if (process.platform !== 'win32') {
      keeper = spawn('/bin/sh', ['-c', keeperScript, 'metrify-demo-keeper', folder], {
        detached: true,
        stdio: ['pipe', 'ignore', 'ignore'],
        cwd: parent,
      });
      // Without a keeper the demo still tidies up by itself.
      keeper.on('error', () => {});
      keeper.stdin?.on('error', () => {});
    }
    return new Premises(folder, keeper);
  }

  /** Every process that was started here, the keeper first. */
  get pids(): readonly number[] {
    return this.keeper?.pid === undefined ? this.#pids : [this.keeper.pid, ...this.#pids];
  }

  /**
   * Starts a process in a group of its own, so that a Ctrl-C on the terminal reaches it only through us.
   * @throws ServiceUnavailable when it cannot be started.
   */
  async start(command: string, args: readonly string[], options: StartOptions): Promise<Started> {
    const child = spawn(command, args, {
      detached: process.platform !== 'win32',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: options.env,
      cwd: options.cwd ?? this.folder,
      ...options.user,
    });
    const out = collect(child.stdout);
    const err = collect(child.stderr);
    const ended = new Promise<Ending>((resolve) =>
      child.on('close', (code, signal) => resolve({ code, signal })),
    );
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) =>
        reject(new ServiceUnavailable(`${command} could not be started: ${cause.message}`, { cause })),
      );
    });
    const pid = child.pid!;
    child.on('error', () => {});
    const started: Started = {
      pid,
      ended,
      stdout: out,
      stderr: err,
      async stop() {
        child.kill('SIGINT');
        const timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
        const ending = await ended;
        clearTimeout(timer);
        return ending;
      },
      kill: () => void child.kill('SIGKILL'),
    };
    this.#running.add(started);
    this.#pids.push(pid);
    this.keeper?.stdin?.write(`+${pid}\n`);
    child.once('exit', () => this.keeper?.stdin?.write(`-${pid}\n`));
    void ended.then(() => this.#running.delete(started));
    if (this.#closing) await started.stop();
    return started;
  }

  /** Stops what runs, last started first, and removes the folder. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    for (const started of [...this.#running].reverse()) await started.stop();
    await rm(this.folder, { recursive: true, force: true, maxRetries: 3 });
    if (!this.keeper?.pid || this.keeper.exitCode !== null) return;
    const gone = new Promise((resolve) => this.keeper?.once('exit', resolve));
    this.keeper.stdin?.end('done\n');
    await gone;
  }
}

/** A port that was free on the loopback interface a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** Keeps the last of what is printed. */
function collect(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    text += chunk;
    if (text.length > 2 * keptOutput) text = text.slice(-keptOutput);
  });
  return () => text;
}

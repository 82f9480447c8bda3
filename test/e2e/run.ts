import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../dist/metrify.cjs', import.meta.url));

export interface RunOptions {
  /** Added to an environment without METRIFY_* and NO_COLOR, whose home is a temporary folder. */
  readonly env?: Readonly<Record<string, string>>;
  /** Written to stdin, which is then closed. Default: nothing. */
  readonly stdin?: string | Uint8Array;
  /** Default: the temporary home, where no configuration is. */
  readonly cwd?: string;
  /** SIGKILL after this long. Default 200,000. */
  readonly timeoutMs?: number;
}

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  /** The bytes of stdout. */
  readonly bytes: Buffer;
  readonly stderr: string;
  /** stdout as one JSON document; shows both streams when it isn't. */
  json<T = Envelope>(): T;
}

/** What `--json` prints. */
export interface Envelope {
  readonly command: string;
  readonly verdict: string;
  readonly exitCode: number;
  readonly startedAt: string;
  readonly durationMs: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- each test knows its command's result
  readonly result: any;
  readonly warnings: readonly string[];
}

export interface Running {
  readonly pid: number;
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** What it printed so far. */
  stdout(): string;
  stderr(): string;
  signal(signal: NodeJS.Signals): void;
  readonly finished: Promise<Finished>;
}

/** Runs the built CLI to its end. Never rejects because of its exit code. */
export async function metrify(args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const running = await startMetrify(args, options);
  running.child.stdin.end(options.stdin ?? '');
  return running.finished;
}

/** Starts the built CLI, for tests that signal it or talk to it; its stdin stays open. */
export async function startMetrify(args: readonly string[], options: RunOptions = {}): Promise<Running> {
  if (!existsSync(PROGRAM)) {
    throw new Error('the CLI is not built; npm run build builds it');
  }
  const home = await mkdtemp(join(tmpdir(), 'metrify-home-'));
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: options.cwd ?? home,
    env: cleanEnvironment(home, options.env),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // A program that ends before it read everything breaks the pipe, which is no failure of the test.
  child.stdin.on('error', () => undefined);
  const printed = { bytes: Buffer.alloc(0), stderr: '' };
  child.stdout.on('data', (data: Buffer) => (printed.bytes = Buffer.concat([printed.bytes, data])));
  child.stderr.setEncoding('utf8').on('data', (data: string) => (printed.stderr += data));

  const patience = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 200_000);
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(patience);
      void rm(home, { recursive: true, force: true }).then(() => resolve(describeEnd(code, signal, printed)));
    });
  });
  return {
    pid: child.pid!,
    child,
    stdout: () => printed.bytes.toString(),
    stderr: () => printed.stderr,
    signal: (signal) => void child.kill(signal),
    finished,
  };
}

export function describeEnd(
  code: number | null,
  signal: NodeJS.Signals | null,
  { bytes, stderr }: { readonly bytes: Buffer; readonly stderr: string },
): Finished {
  const stdout = bytes.toString();
  return {
    code,
    signal,
    stdout,
    bytes,
    stderr,
    json<T>(): T {
      try {
        return JSON.parse(stdout) as T;
      } catch {
        throw new Error(`stdout is no JSON (exit ${code ?? signal}):\n${stdout}\nstderr:\n${stderr}`);
      }
    },
  };
}

/** The present environment without what would change how metrify behaves. */
export function cleanEnvironment(
  home: string,
  extra: Readonly<Record<string, string>> = {},
): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    ([name]) =>
      !/^(METRIFY_|NODE_|VITEST|npm_|PG|REDISCLI_|XDG_)|^(NO_COLOR|FORCE_COLOR|CI|TEST|DEV|PROD|MODE)$/.test(
        name,
      ),
  );
  return { ...Object.fromEntries(inherited), HOME: home, XDG_CONFIG_HOME: join(home, '.config'), ...extra };
}

/** Runs a shell command line to its end, with `metrify` as a command of it: for pipes and redirections. */
export async function shell(script: string, options: RunOptions = {}): Promise<Finished> {
  const home = await mkdtemp(join(tmpdir(), 'metrify-home-'));
  const child = spawn('bash', ['-c', `metrify() { "$NODE" "$PROGRAM" "$@"; }\n${script}`], {
    cwd: options.cwd ?? home,
    env: cleanEnvironment(home, { NODE: process.execPath, PROGRAM, ...options.env }),
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: options.timeoutMs ?? 200_000,
  });
  child.stdin.on('error', () => undefined).end(options.stdin ?? '');
  const end = new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.once('close', (code, signal) => resolve([code, signal])),
  );
  const [bytes, stderr, [code, signal]] = await Promise.all([buffer(child.stdout), text(child.stderr), end]);
  await rm(home, { recursive: true, force: true });
  return describeEnd(code, signal, { bytes, stderr });
}

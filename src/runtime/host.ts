import { homedir } from 'node:os';

import { ExitCode } from '../lib/core/exit-codes.js';
import type { Terminal } from './terminal.js';

/** The process metrify runs in; the only place that touches `process`. */
export interface Host {
  readonly process: NodeJS.Process;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly uid: number | undefined;
  readonly home: string;
  readonly color: boolean;
  readonly terminal: Terminal;
  readonly self: readonly string[];
  stdout(text: string): void;
  stderr(text: string): void;
  /** Called when nobody reads stdout any more (`| head`). */
  onClosedStdout(closed: () => void): void;
  /** Ends the process at once. */
  leave(code: ExitCode): never;
  /** Ends the process when all output has been handed over. */
  finish(code: ExitCode): Promise<never>;
}

export function processHost(executable: string): Host {
  const { stdout, stderr, stdin, env } = process;
  let stdoutClosed = false;
  let onClosed: (() => void) | undefined;
  for (const stream of [stdout, stderr])
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (stream !== stdout) return;
      if (error.code !== 'EPIPE') {
        stderr.write(`error: the result could not be written: ${error.message}\n`);
        process.exit(ExitCode.unavailable);
      }
      stdoutClosed = true;
      onClosed?.();
    });
  const color =
    env.NO_COLOR === undefined || env.NO_COLOR === ''
      ? env.FORCE_COLOR !== undefined || (stdout.isTTY && env.TERM !== 'dumb')
      : false;
  return {
    process,
    env,
    cwd: process.cwd(),
    uid: process.getuid?.(),
    home: homedir(),
    color,
    terminal: {
      stdout,
      stderr,
      stdin,
      stdoutIsTerminal: stdout.isTTY ?? false,
      stderrIsTerminal: stderr.isTTY ?? false,
      interactive: (stdin.isTTY ?? false) && (stderr.isTTY ?? false),
      width: stdout.columns ?? stderr.columns ?? 100,
    },
    self: [process.execPath, executable],
    stdout: (text) => {
      if (!stdoutClosed) stdout.write(text);
    },
    stderr: (text) => stderr.write(text),
    onClosedStdout: (closed) => (onClosed = closed),
    leave: (code) => process.exit(code),
    async finish(code) {
      await Promise.all([drained(stdout), drained(stderr)]);
      process.exit(code);
    },
  };
}

function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writableLength === 0 || stream.destroyed) resolve();
    else stream.write('', () => resolve());
  });
}

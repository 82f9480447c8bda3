import { homedir } from 'node:os';

import { NotWritten } from '../lib/core/errors.js';
import { Redactor } from '../lib/core/secrets/redactor.js';
import { ExitCode } from '../lib/core/exit-codes.js';
import { leave } from './leave.js';
import { StandardStream } from './standard-stream.js';
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
  /** The same of data, slowed down to its reader. @returns false when nothing more is taken */
  pour(chunk: Uint8Array | string): Promise<boolean>;
  stderr(text: string): void;
  /** Called when nobody reads stdout any more (`| head`). */
  onClosedStdout(closed: () => void): void;
  /** Ends the process at once, whatever it is doing. */
  leave(code: ExitCode): void;
  /** Waits until all output has been handed over. @returns what is wrong when stdout did not take all of it. */
  settle(): Promise<NotWritten | undefined>;
  /** Ends the process when all output has been handed over; with exit code 5 where the result could not be. */
  finish(code: ExitCode): Promise<never>;
}

export function processHost(): Host {
  const { stdout, stderr, stdin, env } = process;
  const output = new StandardStream(stdout);
  // What stderr does not take is lost: there is no other place to say so, and the exit code says how it went.
  const complaints = new StandardStream(stderr);
  async function settle(): Promise<NotWritten | undefined> {
    await Promise.all([output.settled(), complaints.settled()]);
    return output.failure && new NotWritten(`the result could not be written: ${output.failure.message}`);
  }
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
      redactor: new Redactor(),
    },
    self: [process.execPath, process.argv[1]!],
    stdout: (text) => output.write(text),
    pour: (chunk) => output.pour(chunk),
    stderr: (text) => complaints.write(text),
    onClosedStdout: (closed) => output.onClosed(closed),
    leave: (code) => void leave(process, code),
    settle,
    async finish(code) {
      const lost = await settle();
      // A command has said so itself, and ends with another code; help and the version have not.
      const unsaid = code === ExitCode.ok ? lost : undefined;
      if (unsaid) complaints.write(`error: ${unsaid.message}\n`);
      return leave(process, unsaid?.exitCode ?? code);
    },
  };
}

import { EventEmitter } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';

import { Redactor } from '../../src/lib/core/secrets/redactor.js';
import { dispatch } from '../../src/main.js';
import type { Host } from '../../src/runtime/host.js';
import { cleanEnvironment, describeEnd, type Finished, type RunOptions } from './run.js';

/**
 * `metrify` of run.ts without its process, for tests with many runs: a start costs a third of a second. What belongs to a process
 * (signals, descriptors, memory, the bundle) needs the real one.
 */
export async function metrifyInProcess(
  args: readonly string[],
  options: Omit<RunOptions, 'timeoutMs'> = {},
): Promise<Finished> {
  const home = await mkdtemp(join(tmpdir(), 'metrify-home-'));
  const printed = { stdout: [] as Buffer[], stderr: '' };
  const host = hostOf(home, options, printed);
  try {
    const code = await dispatch(args, host);
    return describeEnd(code, null, { bytes: Buffer.concat(printed.stdout), stderr: printed.stderr });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function hostOf(
  home: string,
  { env, cwd = home, stdin = '' }: Omit<RunOptions, 'timeoutMs'>,
  printed: { readonly stdout: Buffer[]; stderr: string },
): Host {
  const never = () => {
    throw new Error('only a process can be left');
  };
  return {
    // It gets no signals.
    process: Object.assign(new EventEmitter(), { pid: process.pid }) as unknown as NodeJS.Process,
    env: cleanEnvironment(home, env),
    cwd,
    uid: process.getuid?.(),
    home,
    color: false,
    terminal: {
      stdout: process.stdout,
      stderr: process.stderr,
      stdin: Readable.from([Buffer.from(stdin)]) as unknown as NodeJS.ReadStream,
      stdoutIsTerminal: false,
      stderrIsTerminal: false,
      interactive: false,
      width: 100,
      redactor: new Redactor(),
    },
    self: [],
    stdout: (text) => void printed.stdout.push(Buffer.from(text)),
    pour: (chunk) => Promise.resolve(printed.stdout.push(Buffer.from(chunk)) > 0),
    stderr: (text) => (printed.stderr += text),
    onClosedStdout: () => {},
    leave: never,
    settle: () => Promise.resolve(undefined),
    finish: never,
  };
}

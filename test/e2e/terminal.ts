import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { until } from '../servers/ports.js';
import { cleanEnvironment } from './run.js';

const PROGRAM = fileURLToPath(new URL('../../dist/metrify.cjs', import.meta.url));

export interface Terminal {
  /** Types text as it stands: `type('live/redis')`. */
  type(text: string): Promise<void>;
  /** Presses keys by tmux's names: `press('Enter')`, `press('C-c')`, `press('Up')`. */
  press(...keys: string[]): Promise<void>;
  /** What stands on the screen, without trailing blanks. */
  screen(): Promise<string>;
  /** All that was printed since the start, lines as they were before the terminal broke them. */
  printed(): Promise<string>;
  /** Waits until the screen matches; throws with the screen when it doesn't. */
  waitFor(pattern: RegExp | string, timeoutMs?: number): Promise<string>;
  resize(columns: number, rows: number): Promise<void>;
  /** Ends the session and all that runs in it. */
  close(): Promise<void>;
}

/**
 * Opens a terminal of 100 × 30 and runs `command` in a shell there, with `metrify` as a command; the shell stays, so that
 * `echo "exit $?"` can follow. Needs tmux.
 */
export async function terminal(
  command: string,
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly columns?: number;
    readonly rows?: number;
  } = {},
): Promise<Terminal> {
  const home = await mkdtemp(join(tmpdir(), 'metrify-terminal-'));
  const env = cleanEnvironment(home, {
    TERM: 'xterm-256color',
    PS1: '$ ',
    NODE: process.execPath,
    PROGRAM,
    ...options.env,
  });
  delete env['TMUX'];
  // With all that scrolled away.
  const config = join(home, 'tmux.conf');
  await writeFile(config, 'set -g history-limit 20000\n');
  const tmux = async (...args: string[]): Promise<string> =>
    (
      await promisify(execFile)('tmux', ['-S', join(home, 'socket'), '-f', config, ...args], {
        cwd: home,
        env,
        maxBuffer: 16e6,
      })
    ).stdout;
  const { columns = 100, rows = 30 } = options;
  await tmux(
    'new-session',
    '-d',
    '-s',
    'test',
    '-x',
    `${columns}`,
    '-y',
    `${rows}`,
    'bash --norc --noprofile',
  );
  const type = async (text: string): Promise<void> =>
    void (await tmux('send-keys', '-t', 'test', '-l', text));
  const press = async (...keys: string[]): Promise<void> =>
    void (await tmux('send-keys', '-t', 'test', ...keys));
  const screen = async (): Promise<string> => (await tmux('capture-pane', '-p', '-t', 'test')).trimEnd();
  const close = async (): Promise<void> => {
    await tmux('kill-server').catch(() => undefined);
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  };
  await type('PS1="$ "; metrify() { "$NODE" "$PROGRAM" "$@"; }; clear');
  await press('Enter');
  await until('the shell is ready', async () => (await screen()) === '$').catch(async (error: unknown) => {
    await close();
    throw error;
  });
  await type(command);
  await press('Enter');
  return {
    type,
    press,
    screen,
    printed: () => tmux('capture-pane', '-p', '-J', '-S', '-', '-t', 'test'),
    async waitFor(pattern, timeoutMs = 60_000) {
      let seen = '';
      const matches = async (): Promise<boolean> => {
        seen = await screen();
        return typeof pattern === 'string' ? seen.includes(pattern) : pattern.test(seen);
      };
      await until(String(pattern), matches, { timeoutMs, everyMs: 50 }).catch((error: unknown) => {
        throw new Error(`${String(error)}; the screen shows:\n${seen}`);
      });
      return seen;
    },
    resize: async (width, height) =>
      void (await tmux('resize-window', '-t', 'test', '-x', `${width}`, '-y', `${height}`)),
    close,
  };
}

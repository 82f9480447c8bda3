import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { Redactor } from '../../../src/lib/core/secrets/redactor.js';
import type { Command } from '../../../src/runtime/command.js';
import type { GlobalValues } from '../../../src/runtime/global-flags.js';
import type { Host } from '../../../src/runtime/host.js';
import { Messages } from '../../../src/runtime/messages.js';

let screen: string;
const write = (text: string) => void (screen += text);
const stderr = { write } as unknown as NodeJS.WriteStream;
const host = {
  color: false,
  stdout: write,
  stderr: write,
  terminal: { stderr, stderrIsTerminal: true, stdoutIsTerminal: true, width: 80, redactor: new Redactor() },
} as unknown as Host;
const messages = (globals: Partial<GlobalValues>, stdout: Command['stdout'] = 'text') =>
  new Messages({ stdout } as Command, { output: 'text', quiet: false, ...globals } as GlobalValues, host);

beforeEach(() => {
  screen = '';
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => vi.useRealTimers());

it('takes the bar off the screen before a message, and draws it again', async () => {
  const { during, warn } = messages({});
  await during('warming', 'rows', async (progress) => {
    for (let i = 1; i <= 2; i++) {
      vi.advanceTimersByTime(2000);
      progress.update(i, 10);
      warn(`problem ${i}`);
    }
    return Promise.resolve();
  });
  // What a terminal keeps of each line is what follows the last erasing.
  const lines = screen.split('\n').map((line) => line.split('\r\x1b[2K').at(-1));
  expect(lines).toEqual(['warning: problem 1', 'warning: problem 2', '']);
  expect(screen.match(/━/g)!.length).toBeGreaterThan(1);
});

it('with --quiet shows no progress and tells no story, but warns', async () => {
  const { during, warn, narrator } = messages({ quiet: true });
  narrator.line('step 1');
  await during('warming', 'rows', (progress) => {
    vi.advanceTimersByTime(2000);
    progress.update(1, 10);
    return Promise.resolve();
  });
  expect(screen).toBe('');
  warn('a problem');
  expect(screen).toBe('warning: a problem\n');
});

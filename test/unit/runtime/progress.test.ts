import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { Redactor } from '../../../src/lib/core/secrets/redactor.js';
import { showProgress } from '../../../src/runtime/progress.js';

let text: string;
const terminal = (stderrIsTerminal: boolean, width = 100) => ({
  stderr: { write: (part: string) => Boolean((text += part)) } as unknown as NodeJS.WriteStream,
  stderrIsTerminal,
  width,
  redactor: new Redactor(),
});

beforeEach(() => {
  text = '';
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => vi.useRealTimers());

it('counts in its unit', () => {
  const progress = showProgress('warming', 'rows', terminal(false));
  vi.advanceTimersByTime(10_000);
  progress.update(25_000, 100_000);
  expect(text).toBe('warming  25,000 of 100,000 rows (25%)  30s left  2,500/s\n');
});

it('has no total where there is none, and notes at the end', () => {
  const progress = showProgress('writing', 'writes', terminal(false));
  vi.advanceTimersByTime(10_000);
  progress.update(1234, undefined, '2 failed');
  expect(text).toBe('writing  1,234 writes  123/s  2 failed\n');
  text = '';
  vi.advanceTimersByTime(10_000);
  progress.update(1);
  expect(text).toBe('writing  1 write  0/s\n');
});

it('writes bytes as sizes', () => {
  const progress = showProgress('reading the log', 'bytes', terminal(false));
  vi.advanceTimersByTime(10_000);
  progress.update(5 * 2 ** 20, 2 ** 30);
  expect(text).toMatch(/^reading the log {2}5\.0 MiB of 1\.0 GiB \(0%\) {2}.* left {2}512\.0 KiB\/s\n$/);
});

it('is a bar on a terminal, which goes at the end', () => {
  const progress = showProgress('removing', 'keys', terminal(true));
  vi.advanceTimersByTime(10_000);
  progress.update(50, 100);
  progress.erase();
  // eslint-disable-next-line no-control-regex
  expect(text).toMatch(/^\r\x1b\[2Kremoving {2}━{12}╌{12} {2}50 of 100 keys \(50%\).*\r\x1b\[2K$/);
});

it.each([30, 45, 60, 80, 100])(
  'fits a terminal of %i columns, and gives up the bar before a number',
  (width) => {
    const progress = showProgress('warming', 'rows', terminal(true, width));
    vi.advanceTimersByTime(10_000);
    progress.update(132_568, 440_132);
    const line = text.slice('\r\x1b[2K'.length);
    expect(line.length).toBeLessThan(width);
    expect(line.includes('23.2s left')).toBe(width >= 60);
    expect(line.includes('━')).toBe(width >= 80);
  },
);

import type { Progress, ProgressUnit } from '../lib/core/progress.js';
import { formatBytes, formatCount, formatDuration } from '../lib/core/units.js';
import type { Terminal } from './terminal.js';

const drawEveryMs = 100;
const lineEveryMs = 5000;

/** Something that redraws itself. */
export interface OnScreen {
  /** Takes it off the screen; with the next change it is drawn again. */
  erase(): void;
}

export interface ShownProgress extends Progress, OnScreen {}

/**
 * Progress on stderr after the first second: a bar that redraws itself on a terminal, a line every few seconds
 * elsewhere.
 */
export function showProgress(
  label: string,
  unit: ProgressUnit,
  terminal: Pick<Terminal, 'stderr' | 'stderrIsTerminal' | 'width' | 'redactor'>,
): ShownProgress {
  const started = performance.now();
  const format = unit === 'bytes' ? formatBytes : formatCount;
  // Bytes carry their unit in each number.
  const noun = (count: number) => (unit === 'bytes' ? '' : ` ${count === 1 ? unit.slice(0, -1) : unit}`);
  const write = (text: string) => terminal.stderr.write(text);
  let last = started;
  let drawn = false;

  function describe(done: number, total: number | undefined, note: string | undefined): string {
    const seconds = (performance.now() - started) / 1000;
    const rate = done / Math.max(seconds, 1e-9);
    const isBounded = total !== undefined && total > 0;
    const share = isBounded ? Math.min(1, done / total) : 0;
    const parts = [
      isBounded
        ? `${format(done)} of ${format(total)}${noun(total)} (${Math.floor(share * 100)}%)`
        : `${format(done)}${noun(done)}`,
      ...(isBounded && done > 0 && done < total
        ? [`${formatDuration(((total - done) / rate) * 1000)} left`]
        : []),
      `${format(rate)}/s`,
      ...(note ? [note] : []),
    ].join('  ');
    if (!isBounded || !terminal.stderrIsTerminal) return `${label}  ${parts}`;
    // The numbers say more than the bar, which takes what they leave.
    const room = Math.min(24, terminal.width - 1 - `${label}    ${parts}`.length);
    if (room < 6) return `${label}  ${parts}`;
    const filled = Math.round(share * room);
    return `${label}  ${'━'.repeat(filled)}${'╌'.repeat(room - filled)}  ${parts}`;
  }

  return {
    update(done, total, note) {
      const now = performance.now();
      if (now - started < 1000 || now - last < (terminal.stderrIsTerminal ? drawEveryMs : lineEveryMs))
        return;
      last = now;
      const text = terminal.redactor.text(describe(done, total, note));
      if (terminal.stderrIsTerminal) {
        write(`\r\x1b[2K${text.slice(0, terminal.width - 1)}`);
        drawn = true;
      } else {
        write(`${text}\n`);
      }
    },
    erase() {
      if (drawn) write('\r\x1b[2K');
      drawn = false;
    },
  };
}

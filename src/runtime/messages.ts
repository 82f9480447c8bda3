import type { InterruptReason } from '../lib/core/errors.js';
import { type Progress, type ProgressUnit, silentProgress } from '../lib/core/progress.js';
import type { Command } from './command.js';
import type { OutputFormat } from './context.js';
import type { GlobalValues } from './global-flags.js';
import type { Host } from './host.js';
import { Printer } from './printer.js';
import { type OnScreen, showProgress } from './progress.js';

/** What a command says while it runs, and the printers of what it says at its end. */
export class Messages {
  readonly format: OutputFormat;
  readonly quiet: boolean;
  readonly verbosely: boolean;
  /** Of the result as text: stdout, unless that carries data. */
  readonly result: Printer;
  /** On stderr. */
  readonly complaint: Printer;
  readonly narrator: Printer;
  readonly warnings: string[] = [];
  readonly #host: Host;
  #shown: OnScreen | undefined;

  constructor(command: Command, globals: GlobalValues, host: Host) {
    const { terminal } = host;
    const { redactor } = terminal;
    const color = host.color && !globals.noColor;
    this.#host = host;
    this.format = globals.json ? 'json' : globals.output!;
    this.quiet = globals.quiet;
    this.verbosely = globals.verbose;
    // A message does not stand within a bar or a view.
    const withoutView = (write: (text: string) => void) => (text: string) => {
      this.#shown?.erase();
      write(text);
    };
    this.complaint = new Printer(withoutView(host.stderr), {
      redactor,
      wraps: terminal.stderrIsTerminal,
      color: terminal.stderrIsTerminal && color,
      width: terminal.width,
    });
    const stdout = { redactor, wraps: terminal.stdoutIsTerminal, color, width: terminal.width };
    this.result =
      command.stdout === 'text' && this.format === 'text'
        ? new Printer(withoutView(host.stdout), stdout)
        : this.complaint;
    this.narrator = this.quiet ? new Printer(() => {}, stdout) : this.result;
  }

  get isSilent(): boolean {
    return this.quiet || this.format !== 'text';
  }

  warn = (message: string): void => {
    if (this.warnings.includes(message)) return;
    this.warnings.push(message);
    if (this.format === 'text') this.complaint.marked(`${this.complaint.yellow('warning:')} `, message);
  };

  verbose = (message: string): void => {
    if (this.verbosely) this.complaint.line(this.complaint.dim(message));
  };

  during = async <T>(
    label: string,
    unit: ProgressUnit,
    work: (progress: Progress) => Promise<T>,
  ): Promise<T> => {
    if (this.isSilent) return work(silentProgress);
    const shown = showProgress(label, unit, this.#host.terminal);
    return this.drawing(shown, () => work(shown)).finally(() => shown.erase());
  };

  drawing = async <T>(shown: OnScreen, work: () => Promise<T>): Promise<T> => {
    this.#shown = shown;
    try {
      return await work();
    } finally {
      this.#shown = undefined;
    }
  };

  stopping(reason: InterruptReason): void {
    const isRead = this.format === 'text' || this.#host.terminal.stderrIsTerminal;
    if (!this.quiet && isRead && reason === 'SIGINT')
      this.complaint.line('stopping safely; press Ctrl-C again to leave at once');
  }
}

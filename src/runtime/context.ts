import type { Clock } from '../lib/core/clock.js';
import type { Progress } from '../lib/core/progress.js';
import type { Settings } from './settings.js';
import type { Terminal } from './terminal.js';

/** Everything a command may touch beside its input. Tests replace any of it. */
export interface Context {
  readonly settings: Settings;
  readonly clock: Clock;
  /** Aborted by Ctrl-C, SIGTERM or `--timeout`; its reason is an `Interrupted`. */
  readonly signal: AbortSignal;
  readonly terminal: Terminal;
  readonly cwd: string;
  readonly stdin: NodeJS.ReadableStream;
  /** `text` views may open only here. */
  readonly output: 'text' | 'json' | 'ndjson';
  readonly dryRun: boolean;
  /** A warning for the person and for the envelope. */
  warn(message: string): void;
  /** Said only with `--verbose`. */
  verbose(message: string): void;
  progress(label: string, unit?: string): Progress & { end(): void };
  /** Closed by the runtime, last opened first, however the command ends. */
  closing(close: () => Promise<void> | void): void;
  /**
   * From here on something has changed: should the command fail or be stopped, this result so far is printed,
   * together with how to go on.
   */
  applied(result: () => unknown, resume?: () => string | undefined): void;
  /**
   * Asks for the target's name on a terminal, takes it from `--confirm` elsewhere.
   * @throws UserError exit 4, printing the name that would do.
   */
  confirmTarget(name: string, what: string): Promise<void>;
}

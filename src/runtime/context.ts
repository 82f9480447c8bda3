import type { Clock } from '../lib/core/clock.js';
import type { NotWritten } from '../lib/core/errors.js';
import type { FileRoles } from '../lib/core/file-roles.js';
import type { Progress, ProgressUnit } from '../lib/core/progress.js';
import type { Description, Section } from '../lib/core/schema/section.js';
import type { LoadedSettings, SettingsInput } from './config/load.js';
import type { DataSink } from './data-sink.js';
import type { Printer } from './printer.js';
import type { OnScreen } from './progress.js';
import type { CommandTable } from './program.js';
import type { Settings } from './settings.js';
import type { Terminal } from './terminal.js';

export type OutputFormat = 'text' | 'json' | 'ndjson';

/** Everything a command may touch beside its input. Tests replace any of it. */
export interface Context {
  /** Loaded on first use. @throws UserError when the configuration is bad. */
  settings(): Promise<Settings>;
  /**
   * Those of another environment, as `--env` would choose it: for a command that works between two.
   * @throws UserError when there is none of that name, or the configuration is bad
   */
  settingsOf(environment: string): Promise<Settings>;
  /** For the commands that look at the configuration itself. */
  load(): Promise<LoadedSettings>;
  /** What an environment of the configuration can say. */
  sections(): Promise<readonly Section[]>;
  /** What can be described in a file of its own. */
  descriptions(): Promise<readonly Description[]>;
  readonly settingsInput: SettingsInput;
  /** Files that flags do not name are entered here, before anything is changed. */
  readonly files: Pick<FileRoles, 'add'>;
  readonly clock: Clock;
  /** Aborted by Ctrl-C, SIGTERM, SIGHUP or `--timeout`; its reason is an `Interrupted`. */
  readonly signal: AbortSignal;
  readonly terminal: Terminal;
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly output: OutputFormat;
  readonly dryRun: boolean;
  /** The executable and its arguments with which this command can be run again as a child process. */
  readonly self: readonly string[];
  /** The process that this is, for leases. */
  readonly pid: number;
  /** Every command there is, for completion. */
  readonly commands: CommandTable;
  /** Prints while the command runs: on stdout for a person, on stderr where stdout carries data; nothing with `--quiet`. */
  readonly narrator: Printer;
  /** Nothing is shown of how the work goes: with `--quiet`, and where the output is data. */
  readonly isSilent: boolean;
  /** Takes what a command declared as `stdout: 'data'`; undefined with `--output json`, where the result holds it. */
  readonly data: DataSink | undefined;
  /** Something is not well: told even with `--quiet`, and part of the envelope. */
  warn(message: string): void;
  /** An output that is not whole: told even with `--quiet`, and exit 5, beside whatever else ends the command. */
  notWritten(problem: NotWritten): void;
  /** Said only with `--verbose`. */
  verbose(message: string): void;
  /** Shows the progress of the work while it runs. */
  during<T>(label: string, unit: ProgressUnit, work: (progress: Progress) => Promise<T>): Promise<T>;
  /** Runs the work while a view is on the screen: a message erases it first. */
  drawing<T>(view: OnScreen, work: () => Promise<T>): Promise<T>;
  /** Called by the runtime, last registered first, however the command ends. */
  closing(close: () => Promise<void> | void): void;
  /**
   * From here on something may have changed: should the command fail or be stopped, this result so far is
   * printed, and stderr says how to continue. From then on `--metrics-file` has its counts while the command runs.
   */
  applied(result: () => unknown, resume?: () => string | undefined): void;
  /**
   * Asks for the target's name on a terminal, takes it from `--confirm` elsewhere.
   * @param howMuch will go, found out only for a person who is asked: `12 of 300 keys`
   * @throws UserError exit 4, printing the name that would do.
   */
  confirmTarget(name: string, what: string, howMuch?: () => Promise<string>): Promise<void>;
}

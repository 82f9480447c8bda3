import type { Database } from './database.js';
import type { DemoCache } from './demo-cache.js';
import type { Latency } from './measure.js';
import type { Started } from './premises.js';
import type { Service } from './service.js';
import type { Town } from './town.js';

/** How the demo tells what happens. */
export interface Narrator {
  line(text?: string): void;
  heading(text: string): void;
  table(table: { columns: { title: string; align?: 'left' | 'right' }[]; rows: string[][] }): void;
  bold(text: string): string;
  dim(text: string): string;
  green(text: string): string;
}

/** What the steps work on. */
export interface Stage {
  readonly signal: AbortSignal;
  readonly narrator: Narrator;
  readonly town: Town;
  readonly database: Database;
  readonly cache: DemoCache;
  readonly service: Service;
  readonly latency: Measurements;
  readonly writeBehind: Partial<WriteBehindCounts>;
  /** Where the commands run; a step may put files here. */
  readonly desk: string;
  /**
   * Runs the CLI as a person would, and tells the command and its output.
   * @throws UserError when it ends with another exit code than 0, or than the one that is expected.
   */
  metrify(args: readonly string[], expected?: { exitCode?: number }): Promise<CommandReport>;
  /** The same, but goes on while it runs; what it prints is not told. */
  start(args: readonly string[]): Promise<Started>;
  /** Registers what must happen however the demo ends: last registered, first done. */
  closing(close: () => Promise<void>): void;
}

/** One thing an SRE would do. Each command group adds its own to the list in script.ts. */
export interface Step {
  title: string;
  run(stage: Stage): Promise<CommandReport | void>;
}

export interface StepGroup {
  steps: Step[];
  /** Asked before the first step. @returns why none of them can be shown here. */
  leftOut?(stage: Stage): Promise<string | undefined>;
}

export interface CommandReport {
  command: string;
  exitCode: number;
}

export interface StepReport {
  title: string;
  command?: string;
  exitCode: number;
  durationMs: number;
}

export interface EndpointLatencies {
  meterReadings: Latency;
  forecast: Latency;
}

export interface WriteBehindCounts {
  /** Writes that the service was told are queued. */
  acknowledged: number;
  /** Rows in the table when the worker was dead. */
  writtenWhenKilled?: number;
  /** Rows in the table at the end, and how many different readings they are. */
  rows: number;
  readings: number;
  /** Acknowledged operations that the database knows as applied. */
  operations: number;
}

export interface Measurements {
  cold?: EndpointLatencies;
  warm?: EndpointLatencies;
  /** Median cold ÷ median warm. */
  ratio?: { meterReadings: number; forecast: number };
}

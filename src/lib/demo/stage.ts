import type { Database } from './database.js';
import type { DemoCache } from './demo-cache.js';
import type { Latency } from './measure.js';
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
  /** Where the commands run; a step may put files here. */
  readonly desk: string;
  /**
   * Runs the CLI as a person would, and tells the command and its output.
   * @throws UserError when it ends with another exit code than 0.
   */
  metrify(args: readonly string[]): Promise<CommandReport>;
}

/** One thing an SRE would do. Each command group adds its own to the list in script.ts. */
export interface Step {
  title: string;
  run(stage: Stage): Promise<CommandReport | void>;
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

export interface Measurements {
  cold?: EndpointLatencies;
  warm?: EndpointLatencies;
  /** Median cold ÷ median warm. */
  ratio?: { meterReadings: number; forecast: number };
}

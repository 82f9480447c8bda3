import type { Database } from './database.js';
import type { DemoCache } from './demo-cache.js';
import type { GenerateLoad } from './load.js';
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
  /** The person's own: what is in it is used only where the demo says so. */
  readonly env: NodeJS.ProcessEnv;
  readonly town: Town;
  readonly database: Database;
  readonly cache: DemoCache;
  readonly service: Service;
  readonly generate: GenerateLoad;
  /** Where the commands run; a step may put files here. */
  readonly desk: string;
  /**
   * Runs the CLI as a person would, and tells the command and its output.
   * @throws UserError when it ends with another exit code than 0, or than the one that is expected.
   */
  metrify(args: readonly string[], expected?: { exitCode?: number }): Promise<CommandReport>;
  /** The same, but continues while it runs; what it prints is not told. */
  start(args: readonly string[]): Promise<Started>;
  /** Registers what must happen however the demo ends: last registered, first done. */
  closing(close: () => Promise<void>): void;
}

/** One thing an SRE would do. */
export interface Step<State> {
  title: string;
  run(stage: Stage, state: State): Promise<CommandReport | void>;
}

/** The steps that show a command group; the demo knows nothing else of it. */
export interface StepGroup<Name extends string = string, State = unknown, Summary = unknown> {
  /** Its member in the `groups` of the result. */
  name: Name;
  /** What its steps hand to each other, at the beginning. */
  state(): State;
  steps: Step<State>[];
  /** Asked before the first step. @returns why none of them can be shown here. */
  leftOut?(stage: Stage, state: State): Promise<string | undefined>;
  /** Plain data, after the last step. */
  summary(state: State): Summary;
  /** Its part of the line with which the demo ends. */
  highlight?(summary: Summary, narrator: Pick<Narrator, 'green'>): string | undefined;
}

export function stepGroup<const Name extends string, State, Summary>(
  group: StepGroup<Name, State, Summary>,
): StepGroup<Name, State, Summary> {
  return group;
}

/** What groups report, by their names; one that was left out reports nothing. */
export type Summaries<Group extends StepGroup> = {
  [G in Group as G['name']]?: ReturnType<G['summary']>;
};

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

import { withGrace } from '../lib/core/abort.js';
import { abortable } from '../lib/core/abortable.js';
import type { Conclusion } from '../lib/core/exit-codes.js';
import type { Context } from './context.js';
import type { Arguments, ArgumentValues, Flags, FlagValues } from './flags.js';
import type { Gauge, Histogram } from './metrics-file.js';
import type { Printer } from './printer.js';

/** One check for `--junit`: passed unless there is a failure. */
export interface Check {
  name: string;
  failure?: string | undefined;
  /** Too little data to tell. */
  inconclusive?: string | undefined;
}

export interface Outcome<R> {
  verdict: Conclusion;
  result: R;
  checks?: Check[];
  /** For `--metrics-file`, what the result does not hold. */
  metrics?: { gauges?: Gauge[]; histograms?: Histogram[] };
}

interface Declaration<F extends Flags, A extends Arguments, R> {
  /** `cache warm`. */
  name: string;
  summary: string;
  description?: string;
  /** What people of other tools type for it. They are not accepted, but lead to this verb. */
  synonyms?: readonly string[];
  args?: A;
  flags: F;
  examples: { does: string; command: string }[];
  /**
   * stdout is data: `context.data` takes it, and text goes to stderr. With `--output ndjson` data are lines of JSON, and
   * with `json` the result holds them.
   */
  stdout?: 'data';
  /** The result's list that `--output ndjson` prints a line each. */
  items?: keyof R & string;
  /** Checks something: has `--junit`. */
  junit?: true;
  /** Of a result, whole or so far: `metrify_run_items{kind=…}`. */
  counts?(result: R): Record<string, number>;
  /** The result as a person reads it. */
  present(result: R, printer: Printer, context: Context): void;
}

type Input<F extends Flags, A extends Arguments> = FlagValues<F> & ArgumentValues<A>;

/** A command that only reads: input → result. */
export interface ReadCommand<F extends Flags, A extends Arguments, R> extends Declaration<F, A, R> {
  read(input: Input<F, A>, context: Context): Promise<Outcome<R>>;
}

/** A command that changes something: input → prepare → (preview | run). `--dry-run` previews. */
export interface ChangeCommand<F extends Flags, A extends Arguments, P, V, R> extends Declaration<F, A, R> {
  /** Opens what is needed and refuses what cannot be done. Changes nothing. */
  prepare(input: Input<F, A>, context: Context): Promise<P>;
  /** What `run` would do, as `--dry-run` prints it with JSON. Changes nothing, but may read everything. */
  preview(prepared: P, context: Context): V | Promise<V>;
  presentPreview(preview: V, printer: Printer): void;
  /** What `run` would end with, where the preview knows of something that stops it: the dry run ends with that as well. */
  foresees?(preview: V): Pick<Outcome<V>, 'verdict' | 'checks'>;
  run(prepared: P, context: Context): Promise<Outcome<R>>;
}

/** A declared command with its types erased: what the runtime runs. */
export interface Command {
  name: string;
  summary: string;
  description?: string;
  synonyms: readonly string[];
  args: Arguments;
  flags: Flags;
  examples: { does: string; command: string }[];
  stdout: 'text' | 'data';
  items?: string;
  junit: boolean;
  changes: boolean;
  run(input: Record<string, unknown>, context: Context): Promise<Finished>;
  /** Of a result, whole or so far. */
  present(result: unknown, printer: Printer, context: Context): void;
  counts(result: unknown): Record<string, number>;
}

export interface Finished extends Outcome<unknown> {
  present(printer: Printer): void;
}

export function readCommand<F extends Flags, A extends Arguments, R>(spec: ReadCommand<F, A, R>): Command {
  return {
    ...shared(spec),
    changes: false,
    async run(input, context) {
      const outcome = await stoppable(spec.read(input as Input<F, A>, context), context);
      return { ...outcome, present: (printer) => spec.present(outcome.result, printer, context) };
    },
  };
}

export function changeCommand<F extends Flags, A extends Arguments, P, V, R>(
  spec: ChangeCommand<F, A, P, V, R>,
): Command {
  return {
    ...shared(spec),
    changes: true,
    async run(input, context) {
      const prepared = await abortable(spec.prepare(input as Input<F, A>, context), context.signal);
      if (context.dryRun) {
        const result = await stoppable(Promise.resolve(spec.preview(prepared, context)), context);
        const foreseen = spec.foresees?.(result) ?? { verdict: 'planned' };
        return { ...foreseen, result, present: (printer) => spec.presentPreview(result, printer) };
      }
      const outcome = await spec.run(prepared, context);
      return { ...outcome, present: (printer) => spec.present(outcome.result, printer, context) };
    },
  };
}

/** How long what only reads may take to stop. */
const readingMs = 2000;

/** Nothing has to be settled where nothing was changed: what does not stop, such as a server that hangs, is left behind. */
function stoppable<T>(reading: Promise<T>, { signal }: Context): Promise<T> {
  return abortable(reading, withGrace(signal, readingMs));
}

function shared<F extends Flags, A extends Arguments, R>(
  spec: Declaration<F, A, R>,
): Omit<Command, 'changes' | 'run'> {
  return {
    name: spec.name,
    summary: spec.summary,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    synonyms: spec.synonyms ?? [],
    args: spec.args ?? {},
    flags: spec.flags,
    examples: spec.examples,
    stdout: spec.stdout ?? 'text',
    ...(spec.items === undefined ? {} : { items: spec.items }),
    junit: spec.junit ?? false,
    counts: (result: unknown) => spec.counts?.(result as R) ?? {},
    present: (result: unknown, printer: Printer, context: Context) =>
      spec.present(result as R, printer, context),
  };
}

import type { Conclusion } from '../lib/core/exit-codes.js';
import type { Context } from './context.js';
import type { Arguments, ArgumentValues, Flags, FlagValues } from './flags.js';
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
  /** Counts for `metrify_run_items{kind=…}`. */
  items?: Record<string, number>;
}

interface Declaration<F extends Flags, A extends Arguments, R> {
  /** `cache warm`. */
  name: string;
  summary: string;
  description?: string;
  args?: A;
  flags: F;
  examples: { does: string; command: string }[];
  /** The result's list that `--output ndjson` prints a line each. */
  items?: keyof R & string;
  /** Checks something: has `--junit`. */
  checks?: true;
  /** The result as a person reads it. */
  present(result: R, printer: Printer, context: Context): void;
}

type Input<F extends Flags, A extends Arguments> = FlagValues<F> & ArgumentValues<A>;

/** A command that only reads: input → result. */
export interface ReadCommand<F extends Flags, A extends Arguments, R> extends Declaration<F, A, R> {
  read(input: Input<F, A>, context: Context): Promise<Outcome<R>>;
}

/** A command that changes something: input → plan (pure) → apply → result. `--dry-run` stops after the plan. */
export interface ChangeCommand<F extends Flags, A extends Arguments, P, R> extends Declaration<F, A, R> {
  plan(input: Input<F, A>, context: Context): Promise<P>;
  /** What `--dry-run` prints with JSON, if it is less than the plan itself. */
  planData?(plan: P): unknown;
  presentPlan(plan: P, printer: Printer): void;
  apply(plan: P, context: Context): Promise<Outcome<R>>;
}

/** A declared command with its types erased: what the runtime runs. */
export interface Command {
  name: string;
  summary: string;
  description?: string;
  args: Arguments;
  flags: Flags;
  examples: { does: string; command: string }[];
  items?: string;
  checks: boolean;
  changes: boolean;
  run(input: Record<string, unknown>, context: Context): Promise<Finished>;
  /** Of a result, whole or so far. */
  present(result: unknown, printer: Printer, context: Context): void;
}

export interface Finished extends Outcome<unknown> {
  present(printer: Printer): void;
}

export function readCommand<F extends Flags, A extends Arguments, R>(spec: ReadCommand<F, A, R>): Command {
  return {
    ...shared(spec),
    changes: false,
    async run(input, context) {
      const outcome = await spec.read(input as Input<F, A>, context);
      return { ...outcome, present: (printer) => spec.present(outcome.result, printer, context) };
    },
  };
}

export function changeCommand<F extends Flags, A extends Arguments, P, R>(
  spec: ChangeCommand<F, A, P, R>,
): Command {
  return {
    ...shared(spec),
    changes: true,
    async run(input, context) {
      const plan = await spec.plan(input as Input<F, A>, context);
      if (context.dryRun) {
        return {
          verdict: 'planned',
          result: spec.planData ? spec.planData(plan) : plan,
          present: (printer) => spec.presentPlan(plan, printer),
        };
      }
      const outcome = await spec.apply(plan, context);
      return { ...outcome, present: (printer) => spec.present(outcome.result, printer, context) };
    },
  };
}

function shared<F extends Flags, A extends Arguments, R>(spec: Declaration<F, A, R>) {
  return {
    name: spec.name,
    summary: spec.summary,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    args: spec.args ?? {},
    flags: spec.flags,
    examples: spec.examples,
    ...(spec.items === undefined ? {} : { items: spec.items }),
    checks: spec.checks ?? false,
    present: (result: unknown, printer: Printer, context: Context) =>
      spec.present(result as R, printer, context),
  };
}

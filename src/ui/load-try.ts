import { formatDuration } from '../lib/core/units.js';
import type { Printer } from '../runtime/printer.js';

/** A request of a pass and its answer, as they are shown: secrets masked, bodies cut. */
export interface TriedStep {
  readonly name: string;
  readonly request: {
    readonly method: string;
    readonly url: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string | null;
  };
  readonly answer: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  } | null;
  /** Why there is no answer. */
  readonly failure: string | null;
  readonly latencyMs: number;
  readonly checks: readonly {
    readonly name: string;
    readonly passed: boolean;
    /** Why it failed, or what was captured. */
    readonly detail: string | null;
  }[];
  readonly ok: boolean;
}

export interface TriedPass {
  /** `setup`, `teardown`, or the name of a task. */
  readonly name: string;
  readonly steps: readonly TriedStep[];
}

export function presentPasses(passes: readonly TriedPass[], printer: Printer): void {
  for (const [i, { name, steps }] of passes.entries()) {
    if (i > 0) printer.line();
    printer.heading(name);
    for (const step of steps) presentStep(step, printer);
  }
}

function presentStep({ request, answer, failure, latencyMs, checks, ok }: TriedStep, printer: Printer): void {
  printer.line();
  printer.line(`> ${printer.bold(`${request.method} ${request.url}`)}`);
  presentMessage('>', request.headers, request.body, printer);
  if (answer) {
    printer.line(`< ${printer.bold(String(answer.status))} in ${formatDuration(latencyMs)}`);
    presentMessage('<', answer.headers, answer.body, printer);
  } else printer.bad(`no answer: ${failure}`);
  for (const { name, passed, detail } of checks) {
    const text = detail === null ? name : `${name}: ${detail}`;
    if (passed) printer.ok(text);
    else printer.bad(text);
  }
  if (answer && !ok && checks.every(({ passed }) => passed))
    printer.bad(`the status ${answer.status} is not expected`);
}

function presentMessage(
  mark: string,
  headers: Readonly<Record<string, string>>,
  body: string | null,
  printer: Printer,
): void {
  for (const [name, value] of Object.entries(headers)) printer.line(printer.dim(`${mark} ${name}: ${value}`));
  if (body) for (const line of body.split('\n')) printer.line(`  ${line}`);
}

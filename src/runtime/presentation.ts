import { Interrupted, type NotWritten, type UserError } from '../lib/core/errors.js';
import { type ExitCode, exitCodeOf } from '../lib/core/exit-codes.js';
import type { Command, Finished } from './command.js';
import { type FailureReport, reportFailure } from './failure.js';
import type { Host } from './host.js';
import type { Messages } from './messages.js';
import { buildEnvelope, printEnvelope } from './output.js';
import type { Running } from './running.js';

/** How a command ended: it finished, or it failed. */
export interface End {
  command: Command;
  running: Running;
  finished: Finished | undefined;
  failure: UserError | undefined;
  startedAt: Date;
  durationMs: number;
  exitCode: ExitCode;
  /** Outputs that are not whole and were not told yet. */
  problems: NotWritten[];
}

/** Prints the result, or what there is of it, and what went wrong. */
export function presentEnd(end: End, messages: Messages, host: Host): void {
  const { command, running, finished, failure, exitCode, problems } = end;
  const said = [...messages.warnings, ...problems.map(({ message }) => message)];
  // An exit code that says more than the verdict did has its own.
  const verdict = finished && exitCodeOf[finished.verdict] === exitCode ? finished.verdict : undefined;
  const { redactor } = host.terminal;
  // What a command of data found is told as it is.
  const shown = (result: unknown) => (command.stdout === 'data' ? result : redactor.data(result));
  const envelope = (result: unknown) =>
    buildEnvelope(
      command.name,
      exitCode,
      end.startedAt,
      end.durationMs,
      shown(result),
      redactor.data(said),
      verdict,
    );

  if (finished) {
    if (messages.format === 'text') {
      presentFinished(finished, messages);
      complain(problems, messages, host);
    } else {
      complain(problems, messages, host);
      printEnvelope(envelope(finished.result), messages.format, command.items, host);
    }
    return;
  }
  const { applied } = running;
  if (applied) {
    const result = applied.result();
    if (messages.format === 'text') command.present(result, printerOf(messages), running.context);
    else printEnvelope(envelope(result), 'json', undefined, host);
  }
  // With JSON the failure is one line, which carries them as warnings unless the envelope does.
  if (messages.format === 'text') complain(problems, messages, host);
  reportFailure(failure!, {
    ...reportTo(messages, host),
    resume: applied ? applied.resume?.() : stoppedEarly(failure!, command),
    warnings: applied ? [] : said,
  });
}

/** What whoever was stopped before anything was done may want to know. */
function stoppedEarly(failure: UserError, { changes }: Command): string | undefined {
  if (!(failure instanceof Interrupted)) return undefined;
  const longer =
    failure.reason === 'timeout'
      ? "Give it longer with --timeout; 'metrify doctor' shows how fast each system answers."
      : undefined;
  return [changes ? 'Nothing was changed.' : undefined, longer].filter(Boolean).join(' ') || undefined;
}

export function complain(problems: readonly NotWritten[], messages: Messages, host: Host): void {
  for (const problem of problems) reportFailure(problem, reportTo(messages, host));
}

/** With `--quiet` there is no text when all is well, and what is not is on stderr. */
function presentFinished({ verdict, present }: Finished, messages: Messages): void {
  const isWell = exitCodeOf[verdict] === 0;
  if (isWell && messages.quiet) return;
  present(printerOf(messages));
}

function printerOf({ quiet, complaint, result }: Messages) {
  return quiet ? complaint : result;
}

function reportTo({ format, complaint, verbosely }: Messages, host: Host): FailureReport {
  return { format, printer: complaint, host, verbose: verbosely };
}

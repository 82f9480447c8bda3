import {
  errorMessage,
  explained,
  Interrupted,
  NotWritten,
  systemCode,
  UserError,
} from '../lib/core/errors.js';
import { ExitCode } from '../lib/core/exit-codes.js';
import { fileTrouble } from '../lib/core/unreadable.js';
import type { OutputFormat } from './context.js';
import type { Host } from './host.js';
import { errorLine } from './output.js';
import { Printer } from './printer.js';

/** A mistake in metrify itself. */
class Bug extends UserError {
  constructor(readonly error: unknown) {
    super(`a bug in metrify: ${errorMessage(error)}`, { code: 'BUG', exitCode: ExitCode.bug });
  }
}

/** What a command threw, as the person is told it. What a stopped command throws is mostly that it was stopped. */
export function failureOf(error: unknown, signal: AbortSignal): UserError {
  if (error instanceof UserError && error.outranksStop) return error;
  const expected = explained(error) !== undefined || (error as Error | undefined)?.name === 'AbortError';
  if (expected && signal.aborted && signal.reason instanceof Interrupted) return signal.reason;
  if (diskTrouble.has(systemCode(error) ?? '') && !(error instanceof UserError))
    return new NotWritten(`the disk is full, or failed: ${errorMessage(error)}`, { cause: error });
  return explained(error) ?? fileTrouble(error) ?? new Bug(error);
}

/** Of files that nobody who knows more about them has reported. */
const diskTrouble = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS']);

export interface FailureReport {
  format: OutputFormat;
  printer: Printer;
  host: Pick<Host, 'stderr' | 'terminal'>;
  verbose: boolean;
  /** How to continue, where something was done already. */
  resume?: string | undefined;
  /** Those that no envelope carries. */
  warnings?: string[];
}

/** The error and its next step on stderr: as text, or as one JSON line. */
export function reportFailure(
  failure: UserError,
  { format, printer, host, verbose, resume, warnings = [] }: FailureReport,
): void {
  let { hint } = failure;
  if (failure instanceof Bug) {
    if (verbose) printer.block(String((failure.error as Error).stack ?? failure.error));
    hint = verbose
      ? 'Please report it with the lines above.'
      : 'Run again with --verbose and report what it prints.';
  }
  if (format !== 'text') {
    const next = [hint, resume].filter(Boolean).join(' ');
    const shown = new UserError(failure.message, { code: failure.code, ...(next ? { hint: next } : {}) });
    host.stderr(`${errorLine(shown, host.terminal.redactor, warnings)}\n`);
    return;
  }
  printer.marked(`${printer.red('error:')} `, ...failure.message.split('\n'));
  const next = [hint, resume].filter(Boolean).join('\n');
  if (next) printer.marked('  ', ...next.split('\n'));
}

/** A command line that could not even be parsed. */
export function reportUsage(error: UserError, argv: readonly string[], host: Host): ExitCode {
  const json = argv.some(
    (word, i) =>
      word === '--json' ||
      /^(?:--output=|-o=?)(?:nd)?json$/.test(word) ||
      (/^(?:-o|--output)$/.test(word) && argv[i + 1]?.endsWith('json')),
  );
  const printer = new Printer(host.stderr, {
    redactor: host.terminal.redactor,
    wraps: host.terminal.stderrIsTerminal,
    color: host.terminal.stderrIsTerminal && host.color,
    width: host.terminal.width,
  });
  reportFailure(error, { format: json ? 'json' : 'text', printer, host, verbose: false });
  return error.exitCode;
}

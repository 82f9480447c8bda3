import { type ExitCode, type Verdict, verdictOf } from '../lib/core/exit-codes.js';
import type { UserError } from '../lib/core/errors.js';
import type { Redactor } from '../lib/core/secrets/redactor.js';
import type { OutputFormat } from './context.js';
import { toJson } from './escape.js';

/** What every command's JSON result is wrapped in. */
export interface Envelope {
  command: string;
  verdict: Verdict;
  exitCode: ExitCode;
  startedAt: string;
  durationMs: number;
  result: unknown;
  warnings: string[];
}

export interface Streams {
  stdout(text: string): void;
  stderr(text: string): void;
}

/**
 * Prints the envelope: as one line on stdout with `json`; with `ndjson` the items on stdout, a line each, and the
 * envelope without them as the last line of stderr.
 */
export function printEnvelope(
  envelope: Envelope,
  format: Exclude<OutputFormat, 'text'>,
  items: string | undefined,
  streams: Streams,
): void {
  if (format === 'json') {
    streams.stdout(`${toJson(envelope)}\n`);
    return;
  }
  let result = envelope.result;
  if (items !== undefined && typeof result === 'object' && result !== null && items in result) {
    const { [items]: list, ...rest } = result as Record<string, unknown>;
    for (const item of list as unknown[]) streams.stdout(`${toJson(item)}\n`);
    result = rest;
  }
  streams.stderr(`${toJson({ ...envelope, result })}\n`);
}

/** @param warnings those that no envelope carries */
export function errorLine(error: UserError, redactor: Redactor, warnings: string[] = []): string {
  const { code, message, hint } = error;
  return toJson(
    redactor.data({
      error: { code, message, ...(hint === undefined ? {} : { hint }) },
      ...(warnings.length === 0 ? {} : { warnings }),
    }),
  );
}

export function buildEnvelope(
  command: string,
  exitCode: ExitCode,
  startedAt: Date,
  durationMs: number,
  result: unknown,
  warnings: string[],
  verdict: Verdict = verdictOf(exitCode),
): Envelope {
  return {
    command: command.replaceAll(' ', '.'),
    verdict,
    exitCode,
    startedAt: startedAt.toISOString(),
    durationMs: Math.round(durationMs),
    result,
    warnings,
  };
}

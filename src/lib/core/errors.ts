import { ExitCode } from './exit-codes.js';

export interface ErrorDetails {
  /** What the reader can do next, as one sentence or a command. */
  hint?: string;
  /** Stable, upper case, for scripts: `COLUMN_MISSING`. */
  code?: string;
  exitCode?: ExitCode;
  cause?: unknown;
  /** Whoever was stopped is told this, and not that it was stopped. */
  outranksStop?: boolean;
}

/** Something the person can mend: the message says what happened, the hint what to do next. */
export class UserError extends Error {
  override readonly name: string = 'UserError';
  readonly hint: string | undefined;
  readonly code: string;
  readonly exitCode: ExitCode;
  readonly outranksStop: boolean;

  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.hint = details.hint;
    this.code = details.code ?? 'USAGE';
    this.exitCode = details.exitCode ?? ExitCode.usage;
    this.outranksStop = details.outranksStop ?? false;
  }
}

/** The service did not answer, or stopped answering. */
export class ServiceUnavailable extends UserError {
  override readonly name = 'ServiceUnavailable';
  constructor(message: string, details: Omit<ErrorDetails, 'exitCode'> = {}) {
    super(message, { code: 'SERVICE_UNAVAILABLE', ...details, exitCode: ExitCode.unavailable });
  }
}

/** The service answered, and would not let us: authentication or permission. */
export class ServiceRefused extends UserError {
  override readonly name = 'ServiceRefused';
  constructor(message: string, details: Omit<ErrorDetails, 'exitCode'> = {}) {
    super(message, { code: 'SERVICE_REFUSED', ...details, exitCode: ExitCode.unavailable });
  }
}

/** Somebody else holds it, or it is not in the state that was expected. */
export class ServiceConflict extends UserError {
  override readonly name = 'ServiceConflict';
  constructor(message: string, details: Omit<ErrorDetails, 'exitCode'> = {}) {
    super(message, { code: 'CONFLICT', ...details, exitCode: ExitCode.refused });
  }
}

/** What metrify writes was not taken: the disk is full or failed. The message says what stands there now. */
export class NotWritten extends UserError {
  override readonly name = 'NotWritten';
  constructor(message: string, details: Omit<ErrorDetails, 'exitCode'> = {}) {
    super(message, { code: 'NOT_WRITTEN', ...details, exitCode: ExitCode.unavailable });
  }
}

export type InterruptReason = 'SIGINT' | 'SIGTERM' | 'SIGHUP' | 'timeout';

const exitCodes: Record<InterruptReason, ExitCode> = {
  SIGINT: ExitCode.interrupted,
  SIGTERM: ExitCode.terminated,
  SIGHUP: ExitCode.hungUp,
  timeout: ExitCode.timeout,
};

/** The reason of an aborted signal: who asked the command to stop. */
export class Interrupted extends UserError {
  override readonly name = 'Interrupted';
  constructor(readonly reason: InterruptReason) {
    super(reason === 'timeout' ? 'stopped: --timeout ran out' : `stopped by ${reason}`, {
      code: reason === 'timeout' ? 'TIMEOUT' : 'INTERRUPTED',
      exitCode: exitCodes[reason],
    });
  }
}

/**
 * Of an error that callers judge by its code, as RedisError and those of PostgreSQL: what it means for the person when none of
 * them has.
 */
export const explanation = Symbol('explanation');

/** The error as the person is told it: itself, or its explanation; undefined where it has none. */
export function explained(error: unknown): UserError | undefined {
  if (error instanceof UserError) return error;
  return (error as { [explanation]?: UserError } | null | undefined)?.[explanation];
}

export function errorMessage(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return errorMessage(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a Node.js system error (`ECONNREFUSED`), if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (error instanceof AggregateError && error.errors.length > 0) return systemCode(error.errors[0]);
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}

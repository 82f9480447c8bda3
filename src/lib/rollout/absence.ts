import { UserError } from '../core/errors.js';
import { ExitCode } from '../core/exit-codes.js';

/** Whether a source of counts could not be asked, as opposed to asked wrongly. */
export function isAbsence(error: unknown): error is UserError {
  return error instanceof UserError && error.exitCode === ExitCode.unavailable;
}

import { errorMessage, ServiceRefused, ServiceUnavailable, systemCode } from '../../core/errors.js';

/** Somebody else works on the partition by now; nothing was written. */
export class Fenced extends Error {
  override readonly name = 'Fenced';
}

/** An update that met fewer rows than it had entries. */
export class RowMissing extends Error {
  override readonly name = 'RowMissing';
}

/** The SQLSTATE behind an error, if it has one. */
export function sqlState(error: unknown): string | undefined {
  const code = systemCode(error instanceof ServiceRefused ? error.cause : error);
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** Worth trying again as it stands: the server went away, was busy, or somebody was in the way. */
export function isTransient(error: unknown): boolean {
  return error instanceof ServiceUnavailable || /^(?:08|25|40|53|55|57|58|XX)/.test(sqlState(error) ?? '');
}

/** The fault of an entry: with other entries the same statement would work. */
export function isPoison(error: unknown): boolean {
  if (error instanceof RowMissing) return true;
  const state = sqlState(error);
  return state !== undefined && !isTransient(error) && !/^(?:28|3D)/.test(state);
}

/** The fault of the statement, whatever rows it has: no table, no column, no right, no unique key to upsert on. */
export function hitsEveryRow(error: unknown): boolean {
  return /^(?:42P01|42703|42501|42P10|42704|42804|428C9|3F000|0A000)$/.test(sqlState(error) ?? '');
}

/** Why an entry is poison, for the dead letters: without its values, which may be long or private. */
export function reasonOf(error: unknown): string {
  const state = sqlState(error);
  const cause = error instanceof ServiceRefused && error.cause !== undefined ? error.cause : error;
  const message = errorMessage(cause).replace(/\s+/g, ' ').slice(0, 300);
  return state === undefined ? message : `${message} (SQLSTATE ${state})`;
}

import {
  errorMessage,
  explanation,
  ServiceRefused,
  ServiceUnavailable,
  systemCode,
  UserError,
} from '../../core/errors.js';
import { excerpt } from '../../http/excerpt.js';
import { certificateProblem, certificateReason } from '../../http/tls-problems.js';
import { NotPostgres } from './message-check.js';
import type { PostgresTarget } from './target.js';

const certificateCodes = /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_|ERR_SSL_|HOSTNAME_MISMATCH)/;
const connectionCodes =
  /^(?:ECONN|ENOTFOUND|EAI_|ETIMEDOUT|EHOST|ENET|EPIPE|ENOENT|EACCES|EADDR|ERR_STREAM|08|53|57P0|58|XX)/;
const goneMessages = /^(?:timeout expired|Connection terminated|Client was closed|Client has encountered)/;

/**
 * What went wrong between us and PostgreSQL, for people: unreachable, refused. Errors in what was asked (a missing
 * table, a duplicate key) stay as they are, for the caller to judge by their SQLSTATE in `code`, and have an `explanation`.
 */
export function explainPostgresError(error: unknown, target: PostgresTarget): unknown {
  if (error instanceof UserError) return error;
  const code = systemCode(error) ?? '';
  const message = errorMessage(error);
  const where = `PostgreSQL at ${target.label}`;
  if (message === 'timeout expired')
    return new ServiceUnavailable(`${where} did not answer in time`, { hint: reachable, cause: error });
  if (connectionCodes.test(code) || goneMessages.test(message))
    return new ServiceUnavailable(`${where} is not available: ${reasonOf(code, message)}`, {
      hint: reachable,
      cause: error,
    });
  if (isGarbled(error, code))
    return new ServiceUnavailable(
      `${where} answered something that is not PostgreSQL's protocol: ${excerpt(message, 80)}`,
      {
        code: 'NOT_POSTGRES',
        hint: 'Is it a PostgreSQL server? Does something between change what it says?',
        cause: error,
      },
    );
  if (certificateCodes.test(code) || message.includes('does not support SSL'))
    return new ServiceRefused(`${where} offers no TLS that can be trusted: ${message}`, {
      hint: certificateReason(code)
        ? certificateProblem(error, 'postgres.tlsCa')!.hint
        : 'Give the authority that signed its certificate with tlsCa, or correct sslmode in the URL.',
      cause: error,
    });
  if (code === '57014' && message.includes('timeout')) return timedOut(target, error);
  const hint = refusals[code.startsWith('28') || message.startsWith('SASL') ? '28' : code];
  if (hint !== undefined)
    return new ServiceRefused(`${where} refused us: ${message}`, { hint, cause: error });
  if (/^[0-9A-Z]{5}$/.test(code)) {
    const answer = new ServiceRefused(`${where} answered: ${message} (${code})`, {
      code: 'POSTGRES_ERROR',
      cause: error,
    });
    return Object.assign(error as Error, { [explanation]: answer });
  }
  return error;
}

/**
 * What pg makes of bytes or messages that it does not expect: an error of its parser has the shape of a server's, but no
 * SQLSTATE, which every server's has.
 */
function isGarbled(error: unknown, code: string): boolean {
  if (error instanceof NotPostgres) return true;
  const { message, length } = error as { message?: string; length?: number };
  return code === '' && (length !== undefined || unexpected.test(message ?? ''));
}

const unexpected = /^(?:Received unexpected|Unknown authenticationOk)/;

export function timedOut(target: PostgresTarget, cause?: unknown): ServiceUnavailable {
  return new ServiceUnavailable(`PostgreSQL at ${target.label} did not answer in time`, {
    hint: 'The statement was cancelled. Make it cheaper, or allow it more time.',
    cause,
  });
}

const reachable =
  'Check that the server runs and that the URL names its host and port (METRIFY_POSTGRES_URL).';

const refusals: Record<string, string> = {
  '28': 'Check user and password, and what pg_hba.conf allows from this host.',
  '42501': 'Grant the role what is missing, or use another role.',
  '3D000': 'Check the database name at the end of the URL.',
};

function reasonOf(code: string, message: string): string {
  const reason: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there',
    ENOTFOUND: 'its host name is unknown',
    ECONNRESET: 'it closed the connection',
    EPIPE: 'it closed the connection',
  };
  return reason[code] ?? message;
}

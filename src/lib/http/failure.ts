import { errorMessage, ServiceUnavailable, systemCode, UserError } from '../core/errors.js';
import { formatBytes, formatDuration } from '../core/units.js';
import { excerpt } from './excerpt.js';
import { certificateReason, isHandshakeAlert } from './tls-problems.js';

/** How far a request had come: no connection yet, no status yet, or in the answer's body. */
export type Phase = 'connect' | 'headers' | 'body';

/**
 * `unreachable`: no connection was made. `tls`: one was made, but not a trusted one. `timeout`: a time-out ran out, in
 * `phase`. `closed`: the connection closed before the answer was complete. `malformed`: what came is not HTTP.
 * `too-large`: the answer is longer than the caller reads.
 */
export type FailureKind = 'unreachable' | 'tls' | 'timeout' | 'closed' | 'malformed' | 'too-large';

/** The code of an HttpFailure of the kind `too-large`. */
export const ANSWER_TOO_LARGE = 'ANSWER_TOO_LARGE';

/** A request that got no usable answer. An answer with an error status is not a failure at this level. */
export class HttpFailure extends ServiceUnavailable {
  constructor(
    /** The server, for people: `Prometheus at 10.0.0.5:9090`. */
    readonly target: string,
    readonly kind: FailureKind,
    readonly phase: Phase,
    /** The message without the target: `connection refused`. */
    readonly reason: string,
    details: { cause?: unknown; hint?: string } = {},
  ) {
    super(
      kind === 'too-large'
        ? `the answer of ${target} is ${reason}`
        : `${target} cannot be reached: ${reason}`,
      { ...details, ...(kind === 'too-large' ? { code: ANSWER_TOO_LARGE } : {}) },
    );
  }
}

export interface Limits {
  /** For name look-up, TCP, TLS, and any wait for a free connection. */
  readonly connectTimeoutMs: number;
  /** For everything, from the call to the last byte of the answer. */
  readonly requestTimeoutMs: number;
  /** From the request's last byte to the answer's status; unlimited by default. */
  readonly headersTimeoutMs?: number | undefined;
  /** Between two pieces of the answer's body; unlimited by default. */
  readonly idleTimeoutMs?: number | undefined;
}

/** Raised by the connector, so that it is known that no connection was made. */
export class ConnectFailed extends Error {
  constructor(override readonly cause: unknown) {
    super(errorMessage(cause));
  }
}

/** Raised when no certificate of a server has the fingerprint that is asked for. */
export class NotPinned extends Error {
  /** @param top fingerprint of the last certificate of its chain */
  constructor(readonly top: string | undefined) {
    super();
  }
}

/** Raised when requestTimeoutMs ran out. */
export class RequestTimedOut extends Error {}

/** Raised when a body is longer than maxBodyBytes. */
export class BodyTooLarge extends Error {
  constructor(readonly maxBytes: number) {
    super();
  }
}

/** Raised when bytes follow the end of an answer: its length was wrong. */
export class TrailingBytes extends Error {}

/** Raised when a body that says it is gzip is not. */
export class NotGzip extends Error {}

const connectProblems: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name cannot be looked up now',
  ENOENT: 'no such socket',
  ECONNRESET: 'the connection was closed',
};

/** The one place where what undici, Node.js or this client raise for a request becomes one of the project's errors. */
export function failureOf(error: unknown, target: string, phase: Phase, limits: Limits): UserError {
  const fail = (kind: FailureKind, reason: string, at = phase) =>
    new HttpFailure(target, kind, at, reason, { cause: error });
  if (error instanceof UserError) return error;
  if (error instanceof RequestTimedOut) return fail('timeout', timeoutReason(phase, limits.requestTimeoutMs));
  if (error instanceof BodyTooLarge) return fail('too-large', `longer than ${formatBytes(error.maxBytes)}`);
  if (error instanceof TrailingBytes) return fail('malformed', 'the answer is longer than it says');
  if (error instanceof NotGzip) return fail('malformed', 'the answer is not the gzip that it says it is');
  if (error instanceof ConnectFailed) return connectFailure(error.cause, target, limits);
  const code = systemCode(error) ?? '';
  switch (code) {
    case 'UND_ERR_HEADERS_TIMEOUT':
      return fail('timeout', timeoutReason('headers', limits.headersTimeoutMs ?? 0), 'headers');
    case 'UND_ERR_BODY_TIMEOUT':
      return fail('timeout', `the answer paused for ${formatDuration(limits.idleTimeoutMs ?? 0)}`, 'body');
    case 'UND_ERR_HEADERS_OVERFLOW':
      return fail('malformed', "the answer's headers are too long");
    case 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH':
      return fail('closed', 'the answer was cut short');
    case 'UND_ERR_SOCKET':
    case 'ECONNRESET':
    case 'EPIPE':
      return fail('closed', phase === 'body' ? 'the answer was cut short' : 'the connection was closed');
    case 'UND_ERR_DESTROYED':
      return fail('closed', 'the client was closed');
    case 'UND_ERR_INVALID_ARG':
    case 'UND_ERR_NOT_SUPPORTED':
    case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
      return new UserError(`the request to ${target} cannot be sent: ${excerpt(errorMessage(error))}`, {
        code: 'HTTP_REQUEST',
        cause: error,
      });
  }
  if (isParserError(error)) {
    const said = errorMessage(error);
    if (said.includes('EOF')) return fail('closed', 'the answer was cut short');
    return fail('malformed', `the answer is not HTTP: ${/\((.*)\)$/.exec(said)?.[1] ?? said}`);
  }
  if (code.startsWith('ERR_SSL_')) return tlsFailure(error, code, target, phase);
  return fail('closed', excerpt(errorMessage(error)));
}

/** Of undici; its code is undefined in most cases. */
export function isParserError(error: unknown): boolean {
  return (error as Error | null | undefined)?.name === 'HTTPParserError';
}

function connectFailure(error: unknown, target: string, { connectTimeoutMs }: Limits): HttpFailure {
  const code = systemCode(error) ?? '';
  const fail = (kind: FailureKind, reason: string) =>
    new HttpFailure(target, kind, 'connect', reason, { cause: error });
  if (code === 'UND_ERR_CONNECT_TIMEOUT') return fail('timeout', timeoutReason('connect', connectTimeoutMs));
  if (error instanceof NotPinned) return fail('tls', notPinnedReason(error));
  const problem = certificateReason(code);
  if (problem !== undefined) return fail('tls', problem);
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') return tlsFailure(error, code, target, 'connect');
  return fail('unreachable', connectProblems[code] ?? excerpt(errorMessage(error)));
}

/** @param phase in which it was noticed: with TLS 1.3 the server's refusal of a handshake may follow the request */
function tlsFailure(error: unknown, code: string, target: string, phase: Phase): HttpFailure {
  const fail = (reason: string, at: Phase = 'connect') =>
    new HttpFailure(target, 'tls', at, reason, { cause: error });
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNEXPECTED_MESSAGE/.test(code))
    return fail('it does not speak TLS', phase);
  if (isHandshakeAlert(code))
    return fail(`it did not accept our TLS handshake (${code}): does it want a client certificate?`);
  return phase === 'connect'
    ? fail(`the TLS handshake failed (${code})`)
    : fail(`its TLS cannot be read (${code})`, phase);
}

function notPinnedReason({ top }: NotPinned): string {
  const shown = top === undefined ? 'no certificate' : `${top} at the top`;
  return `no certificate of its chain has the fingerprint that is configured (it has ${shown})`;
}

function timeoutReason(phase: Phase, ms: number): string {
  const what = { connect: 'no connection', headers: 'no answer', body: 'no whole answer' }[phase];
  return `${what} within ${formatDuration(ms)}`;
}

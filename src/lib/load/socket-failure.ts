import { errorMessage, systemCode } from '../core/errors.js';
import { certificateReason } from '../http/tls-problems.js';
import type { FailureKind } from './tally.js';

/** Why there was no whole answer. */
export interface Failure {
  readonly kind: FailureKind;
  /** In words, about "it", the server: `its certificate has expired`. */
  readonly reason: string;
}

const byCode: Readonly<Record<string, Failure>> = {
  ECONNREFUSED: { kind: 'refused', reason: 'it refused the connection' },
  ENOENT: { kind: 'refused', reason: 'its socket does not exist' },
  EACCES: { kind: 'refused', reason: 'its socket may not be opened by this user' },
  ECONNRESET: { kind: 'reset', reason: 'it reset the connection' },
  EPIPE: { kind: 'reset', reason: 'it reset the connection' },
  EHOSTUNREACH: { kind: 'unreachable', reason: 'there is no route to its host' },
  ENETUNREACH: { kind: 'unreachable', reason: 'there is no route to its network' },
  ETIMEDOUT: { kind: 'connect-timeout', reason: 'it did not take the connection in time' },
  ENOTFOUND: { kind: 'dns', reason: 'its name is not known' },
  EAI_AGAIN: { kind: 'dns', reason: 'its name cannot be looked up now' },
  // These are this machine's own limits, and not the server's.
  EMFILE: { kind: 'descriptors', reason: 'this process may not open more files: ulimit -n' },
  ENFILE: { kind: 'descriptors', reason: 'this machine has no descriptor left' },
  EADDRNOTAVAIL: { kind: 'ports', reason: 'this machine has no port left for another connection' },
};

const tlsCodes = /^(ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|EPROTO)/;

/** What Node.js raises for a socket. */
export function failureOf(error: unknown, connected: boolean): Failure {
  const code = systemCode(error) ?? '';
  const known = byCode[code];
  if (known) return known;
  const certificate = certificateReason(code);
  if (certificate !== undefined) return { kind: 'tls', reason: certificate };
  if (tlsCodes.test(code)) return { kind: 'tls', reason: tlsReason(code) };
  return { kind: connected ? 'reset' : 'other', reason: errorMessage(error) };
}

function tlsReason(code: string): string {
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNEXPECTED_MESSAGE/.test(code))
    return 'it does not speak TLS';
  if (/NO_APPLICATION_PROTOCOL/.test(code)) return 'it does not speak the protocol that was asked for (ALPN)';
  if (/CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE|BAD_CERTIFICATE|UNKNOWN_CA/.test(code))
    return `it did not accept our TLS handshake (${code}): does it want a client certificate?`;
  return `the TLS handshake failed (${code})`;
}

/** Whether another address of the name may do better. */
export function isAboutTheAddress({ kind }: Failure): boolean {
  return kind === 'refused' || kind === 'unreachable';
}

/** The generator's own limits: they say nothing of the server. */
export const ownFailures: ReadonlySet<FailureKind> = new Set(['descriptors', 'ports']);

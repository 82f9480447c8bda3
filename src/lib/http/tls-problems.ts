import { errorMessage, systemCode } from '../core/errors.js';

export interface TlsProblem {
  /** `its certificate has expired` */
  reason: string;
  hint: string;
}

const untrusted = 'its certificate is signed by an authority that we do not trust';
const reasons: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  CERT_REVOKED: 'its certificate was revoked',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  CERT_SIGNATURE_FAILURE: 'its certificate is not signed by the authority that it names',
  INVALID_CA: 'its certificate is signed with one that is not of an authority',
  INVALID_PURPOSE: 'its certificate is not for servers',
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
};
const hints: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "Renew the server's certificate.",
  CERT_NOT_YET_VALID: "Check the clock of this host, and the server's certificate.",
  CERT_REVOKED: "Renew the server's certificate.",
  ERR_TLS_CERT_ALTNAME_INVALID:
    'Write the URL with a name that the certificate has, or have it issued for this one.',
};

/** Whether Node.js's code of an error is an alert by which a server ends a handshake: it does not take our certificate, or misses it. */
export function isHandshakeAlert(code: string): boolean {
  return /ALERT_(?:HANDSHAKE_FAILURE|(?:BAD|NO|UNSUPPORTED)_CERTIFICATE|CERTIFICATE_|UNKNOWN_CA|ACCESS_DENIED|DECRYPT_ERROR)/.test(
    code,
  );
}

/** What a certificate is not accepted for, by Node.js's code of it. */
export function certificateReason(code: string): string | undefined {
  return reasons[code];
}

/**
 * What is wrong with the certificates of a connection, or its TLS.
 * @param setting that names the authorities: `redis.tlsCa`
 * @param own where the system can be shown a client certificate: what to do when it wants one
 */
export function certificateProblem(error: unknown, setting: string, own?: string): TlsProblem | undefined {
  const code = systemCode(error) ?? '';
  const said = errorMessage(error);
  const reason = reasons[code];
  if (reason !== undefined)
    return {
      reason: `its certificate was not accepted: ${said}`,
      hint: hints[code] ?? `Name the authority that signed it in ${setting}.`,
    };
  if (/certificate.required|CERTIFICATE_REQUIRED/i.test(`${code} ${said}`))
    return {
      reason: `it wants a client certificate${own === undefined ? ', which metrify cannot show' : ''}`,
      hint: own ?? 'Let the server accept clients without one (Redis: tls-auth-clients no).',
    };
  if (isHandshakeAlert(code) || /alert handshake failure|alert bad certificate/i.test(said))
    return {
      reason: `it does not accept our TLS handshake (${code})`,
      hint: own ?? 'Does it want a client certificate? metrify cannot show one (Redis: tls-auth-clients no).',
    };
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/i.test(code) || /wrong version number/i.test(said))
    return {
      reason: 'it does not speak TLS',
      hint: 'Write the URL without TLS, or name the port that has it.',
    };
  if (code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') || /certificate|self.signed/i.test(said))
    return {
      reason: `its TLS was not accepted: ${said}`,
      hint: `Check ${setting}, and the certificate of the server.`,
    };
  return undefined;
}

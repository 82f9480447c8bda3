import type { HttpTls } from '../http/connector.js';
import { readAuthorities } from './authorities.js';
import { readClientCertificate } from './client-certificate.js';
import type { MutualTlsSettings } from './settings.js';

/**
 * The settings of TLS with the files that they name.
 * @param section for messages: `elasticsearch`
 * @throws as readAuthorities, readClientCertificate
 */
export async function readTls(settings: MutualTlsSettings, section: string): Promise<HttpTls> {
  const { tlsVerify: verify, tlsCa, tlsFingerprint: fingerprint, tlsCert: cert, tlsKey: key } = settings;
  return {
    verify,
    fingerprint,
    ca: tlsCa === undefined ? undefined : await readAuthorities(tlsCa, `${section}.tlsCa`),
    ...(cert === undefined || key === undefined
      ? {}
      : await readClientCertificate({ cert, key }, settings.tlsKeyPassphrase, section)),
  };
}

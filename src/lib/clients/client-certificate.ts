import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

import { errorMessage, systemCode, UserError } from '../core/errors.js';
import { readText } from '../core/input-file.js';
import { pathProblem } from '../core/unreadable.js';

/** As PEM; the key is not encrypted. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

/**
 * What the client shows of itself, from two PEM files.
 * @param section for the hint: `elasticsearch`
 * @throws UserError `TLS_CERT_UNREADABLE`, `TLS_KEY_UNREADABLE` (also with a wrong pass phrase), `TLS_KEY_MISMATCH`
 */
export async function readClientCertificate(
  paths: { readonly cert: string; readonly key: string },
  passphrase: string | undefined,
  section: string,
): Promise<ClientCertificate> {
  const cert = await pemOf(paths.cert, 'TLS_CERT_UNREADABLE', `${section}.tlsCert`);
  const key = privateKeyOf(await pemOf(paths.key, 'TLS_KEY_UNREADABLE', `${section}.tlsKey`), {
    path: paths.key,
    passphrase,
    section,
  });
  if (!certificateOf(cert, paths.cert, section).checkPrivateKey(key))
    throw new UserError(`the private key in ${paths.key} is not that of the certificate in ${paths.cert}`, {
      code: 'TLS_KEY_MISMATCH',
      hint: `${section}.tlsCert begins with the client's own certificate; ${section}.tlsKey is its key.`,
    });
  return { cert, key: key.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

async function pemOf(path: string, code: string, setting: string): Promise<string> {
  return readText(path).catch((error: unknown) => {
    throw new UserError(`cannot read ${path}: ${pathProblem(error)}`, {
      code,
      hint: `Give ${setting} the path of a PEM file.`,
      cause: error,
    });
  });
}

function certificateOf(pem: string, path: string, section: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new UserError(`there is no certificate that can be read in ${path}: ${errorMessage(error)}`, {
      code: 'TLS_CERT_UNREADABLE',
      hint: `Give ${section}.tlsCert the path of a PEM file with the client's certificate.`,
      cause: error,
    });
  }
}

function privateKeyOf(
  pem: string,
  { path, passphrase, section }: { path: string; passphrase: string | undefined; section: string },
): KeyObject {
  const isEncrypted = /ENCRYPTED/.test(pem);
  try {
    return createPrivateKey({ key: pem, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch (error) {
    const unusable = (why: string, hint: string) =>
      new UserError(`cannot use the private key in ${path}: ${why}`, {
        code: 'TLS_KEY_UNREADABLE',
        hint,
        cause: error,
      });
    if (isEncrypted && passphrase === undefined)
      throw unusable('it is encrypted', `Name its pass phrase in ${section}.tlsKeyPassphrase.`);
    if (isEncrypted && /BAD_DECRYPT|BAD_PASSWORD|PKCS12|ASN1/i.test(systemCode(error) ?? ''))
      throw unusable('the pass phrase is wrong', `Check ${section}.tlsKeyPassphrase.`);
    throw unusable(errorMessage(error), `Give ${section}.tlsKey the path of a PEM file with a private key.`);
  }
}

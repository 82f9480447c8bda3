import { X509Certificate } from 'node:crypto';

import { errorMessage, UserError } from '../core/errors.js';
import { readText } from '../core/input-file.js';
import { pathProblem } from '../core/unreadable.js';

const certificate = /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]*-----END (?:TRUSTED )?CERTIFICATE-----/g;

/**
 * The certificates of the authorities to trust, from a PEM file.
 * @param setting for the hint: `redis.tlsCa`
 * @throws UserError `TLS_CA_UNREADABLE`, also where the file holds no certificate that can be read
 */
export async function readAuthorities(path: string, setting: string): Promise<string> {
  const unusable = (why: string, cause?: unknown) =>
    new UserError(`cannot read the authorities to trust in ${path}: ${why}`, {
      code: 'TLS_CA_UNREADABLE',
      hint: `Give ${setting} the path of a PEM file with certificates.`,
      cause,
    });
  const text = await readText(path).catch((error: unknown) => {
    throw unusable(pathProblem(error), error);
  });
  const found = text.match(certificate) ?? [];
  if (found.length === 0) throw unusable('there is no certificate in it');
  for (const one of found.filter((text) => !text.includes('TRUSTED')))
    try {
      new X509Certificate(one);
    } catch (error) {
      throw unusable(`a certificate in it is damaged: ${errorMessage(error)}`, error);
    }
  return text;
}

import { systemCode } from '../../core/errors.js';
import { type HttpFailure, NotPinned } from '../../http/failure.js';
import { certificateProblem } from '../../http/tls-problems.js';
import { isDenial } from './refusal.js';
import type { SearchSection, SearchSettings } from './settings.js';
import type { SignIn } from './sign-in.js';

/**
 * What to do when no connection comes about, where that is a matter of settings.
 * @param isFirst nothing has answered at that address yet
 */
export function connectAdvice(
  { cause, kind }: HttpFailure,
  section: SearchSection,
  { tlsCert }: Pick<SearchSettings, 'tlsCert'>,
  isFirst: boolean,
): string | undefined {
  const own =
    tlsCert === undefined
      ? `If it wants a client certificate, name one in ${section}.tlsCert, and its key in ${section}.tlsKey.`
      : `Check that the server trusts the authority that signed the certificate of ${section}.tlsCert.`;
  // Some servers close the connection without saying that they miss a certificate.
  const isCut = kind === 'closed' || (kind === 'unreachable' && systemCode(cause) === 'ECONNRESET');
  if (isCut && isFirst) return own;
  if (kind !== 'tls') return undefined;
  if (cause instanceof NotPinned)
    return `Compare ${section}.tlsFingerprint with the certificate of its authority: openssl x509 -noout -fingerprint -sha256 -in http_ca.crt`;
  return certificateProblem(cause, `${section}.tlsCa`, own)?.hint;
}

/** What to do when the server does not let us. */
export function refusalAdvice(
  refusal: { readonly status: number; readonly type: string },
  section: SearchSection,
  by: SignIn['by'],
): string | undefined {
  if (!isDenial(refusal)) return undefined;
  const { status } = refusal;
  if (by === undefined)
    return section === 'solr'
      ? 'Sign in: set solr.username and solr.password, or solr.token.'
      : 'Sign in: set elasticsearch.apiKey, or elasticsearch.username and elasticsearch.password.';
  if (by === 'awsRegion')
    return 'Check the credentials of AWS, elasticsearch.awsRegion, elasticsearch.awsService, the clock of this host, and the access policy of the domain.';
  const setting =
    by === 'url'
      ? `the user of ${section}.url`
      : by === 'username'
        ? `${section}.username and ${section}.password`
        : `${section}.${by}`;
  return status === 401 ? `Check ${setting}.` : `Give ${setting} the privileges that are missing.`;
}

import { ServiceUnavailable } from '../core/errors.js';
import type { LoadResult } from './result.js';
import type { FailureKind } from './tally.js';

const hints: Readonly<Partial<Record<FailureKind, string>>> = {
  refused: 'Check the host and the port, and that the service runs.',
  dns: 'Check the name, or give its address: --resolve HOST:PORT:ADDRESS.',
  tls: 'Is it https? Look at it with openssl s_client; --cacert FILE names the authority, --insecure does without.',
  timeout: 'Ask it once with curl -v; --request-timeout waits longer.',
  'connect-timeout': 'Check the address, and what is between here and there.',
  malformed: 'Is this the port of an HTTP service, and the scheme right (http or https, --http2)?',
  descriptors: 'Raise the limit (ulimit -n), or give fewer --connections.',
  ports: 'Give fewer --connections.',
};

/** A run without a single answer. */
export function nothingAnswered({ sent, errors }: LoadResult, host: string): ServiceUnavailable {
  const kinds = Object.entries(errors.byKind).sort(([, a], [, b]) => b - a);
  const kind = kinds[0]?.[0] as FailureKind | undefined;
  const why =
    kind === undefined ? 'it did not answer until the end of the drain' : (errors.reasons[kind] ?? kind);
  return new ServiceUnavailable(`none of ${sent} requests to ${host} was answered: ${why}`, {
    hint: (kind && hints[kind]) ?? 'Check the URL, and that the service runs.',
  });
}

import { ServiceUnavailable } from '../core/errors.js';
import type { LoadResult } from './result.js';

/** @throws ServiceUnavailable when no request of any had an answer */
export function requireAnswers({ sent, answered, failed, errors }: LoadResult, host: string): void {
  if (answered > 0 || failed === 0) return;
  const [kind] = Object.entries(errors.byKind).sort(([, a], [, b]) => b - a)[0]!;
  throw new ServiceUnavailable(`none of ${sent} requests to ${host} was answered: ${kind}`, {
    hint: 'Check the URL, and that the service runs.',
  });
}

import { createHash } from 'node:crypto';
import { maskSecrets } from '../core/secrets/mask.js';
import type { RolloutSpec, SmokeTest } from './spec.js';

/**
 * SHA-256, in hex, of all that decides what a rollout does: the versions, the steps and their times, the analysis,
 * gates and smoke tests. Left out is how things are reached, which differs between a laptop and a CronJob: the route,
 * the addresses of Prometheus and of Envoy's admin interface, the paths of NGINX; and every credential.
 */
export function planHash({ versions, label, canary, analysis, smoke, probes }: RolloutSpec): string {
  const plan = {
    versions,
    label,
    canary,
    analysis: analysis && {
      ...analysis,
      prometheus: analysis.prometheus !== undefined,
      probe: analysis.probe && { ...analysis.probe, url: maskSecrets(analysis.probe.url) },
    },
    smoke: smoke.map(withoutSecrets),
    probes: probes.map(withoutSecrets),
  };
  return createHash('sha256').update(canonical(plan)).digest('hex');
}

/** Whether a header of that name is there to carry a secret. */
export function isSecretHeader(name: string): boolean {
  return /^(proxy-)?authorization$|cookie|token|secret|password|api-?key/i.test(name);
}

function withoutSecrets(test: SmokeTest): SmokeTest {
  // Names of headers have no case.
  const headers = Object.entries(test.headers).map(([name, value]): [string, string] => [
    name.toLowerCase(),
    isSecretHeader(name) ? '' : value,
  ]);
  return { ...test, url: maskSecrets(test.url), headers: Object.fromEntries(headers) };
}

/** JSON with its keys in order and without what is undefined. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

import { UserError } from '../core/errors.js';
import type { ProviderName } from './spec.js';

/** Whether weights live in a file of this host, and not in a Kubernetes object. */
export function isFileProvider(provider: ProviderName): boolean {
  return provider === 'nginx' || provider === 'envoy';
}

function name(pattern: RegExp, most: number, what: string, allowed: string) {
  return (text: string): void => {
    if (pattern.test(text) && text.length <= most) return;
    throw new UserError(`'${text}' is no ${what}`, {
      hint: `It has ${allowed}, and at most ${most} of them.`,
    });
  };
}

const inner = 'with a letter or digit at both ends';
const small = `small letters, digits and dashes, ${inner}`;

/** Checks of names. All throw a UserError that says what a name may hold. */
export const checkApp = name(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 63, 'name of an app', small);
export const checkNamespace = name(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 63, 'name of a namespace', small);
export const checkObject = name(
  /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
  253,
  'name of a Kubernetes object',
  `small letters, digits, dashes and dots, ${inner}`,
);
export const checkLabel = name(
  /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-\w.]*[A-Za-z0-9])?$/,
  317,
  'key of a label',
  `letters, digits, dashes, dots and underscores, ${inner}, and may have a prefix/ before it`,
);

const wordChars = `letters, digits, dashes, dots and underscores, ${inner}`;
const checkSubset = name(/^[A-Za-z0-9]([-\w.]*[A-Za-z0-9])?$/, 63, 'name of a version', wordChars);
const checkService = name(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 63, 'name of a Service', small);
const checkUpstream = name(/^[A-Za-z0-9]([-\w.]*[A-Za-z0-9])?$/, 253, 'name of an upstream', wordChars);
const checkCluster = name(
  /^[\w]([-\w.:|/]*\w)?$/,
  253,
  "name of one of Envoy's clusters",
  `letters, digits and - _ . : | /, ${inner}`,
);

/** What `name:` of a version is to each provider; it is put into queries and configurations as it stands. */
export const checkVersion: Readonly<Record<ProviderName, (text: string) => void>> = {
  service: checkSubset,
  istio: checkSubset,
  'gateway-api': checkService,
  'nginx-ingress': checkService,
  nginx: checkUpstream,
  envoy: checkCluster,
};

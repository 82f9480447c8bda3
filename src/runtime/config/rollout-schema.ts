import * as z from 'zod/mini';
import { isSecretHeader } from '../../lib/rollout/plan-hash.js';
import { checkApp, checkLabel, checkNamespace, checkObject } from '../../lib/rollout/names.js';
import { providerNames } from '../../lib/rollout/spec.js';
import { checked, checkScalar, text } from './check.js';
import { explain } from './problems.js';
import { argument, expression, probeUrl, quantile, risk, share, tolerance } from './rollout-values.js';
import { plainText, positiveDuration, urlWith } from './values.js';

/** One rollout, in a file of its own or below `rollouts:`. Versions may be left to flags. */
export function rolloutSchema() {
  const version = z.optional(
    z.strictObject({ name: name(plainText), deployment: z.optional(name(checkObject)) }),
  );
  const duration = z.optional(text(positiveDuration));
  const smoke = z.strictObject({
    url: url(),
    status: z.optional(whole(100, 599)),
    bodyContains: z.optional(text(plainText)),
    headers: z.optional(headers()),
    timeout: duration,
  });
  const smokeTests = z.optional(z.array(smoke).check(z.minLength(1)));
  return z.strictObject({
    app: name(checkApp),
    namespace: z.optional(name(checkNamespace)),
    provider: z.enum(providerNames),
    route: name(plainText),
    stable: version,
    canary: version,
    blue: version,
    green: version,
    label: z.optional(name(checkLabel)),
    steps: z.optional(z.array(whole(1, 100)).check(z.minLength(1))),
    interval: duration,
    maxStepDuration: duration,
    gates: z.optional(
      z.strictObject({
        command: z.optional(z.array(name(argument)).check(z.minLength(1))),
        commandTimeout: duration,
        approval: z.optional(z.boolean()),
      }),
    ),
    analysis: z.optional(analysis()),
    smoke: smokeTests,
    probes: smokeTests,
    nginx: z.optional(
      z.strictObject({ config: z.optional(text(plainText)), binary: z.optional(text(plainText)) }),
    ),
    envoy: z.optional(z.strictObject({ admin: z.optional(url()) })),
  });
}

function analysis() {
  const duration = z.optional(text(positiveDuration));
  return z.strictObject({
    prometheus: z.optional(url()),
    requests: z.optional(text(expression)),
    errors: z.optional(text(expression)),
    latency: z.optional(text(expression)),
    probe: z.optional(
      z.strictObject({
        url: url(probeUrl),
        rate: z.optional(whole(1, 10_000)),
        duration,
        timeout: duration,
      }),
    ),
    minRequests: z.optional(whole(1)),
    maxErrorIncrease: z.optional(text(tolerance)),
    latencyQuantile: z.optional(checked(quantile)),
    maxLatencyIncrease: z.optional(text(share)),
    falseAbort: z.optional(text(risk)),
    falsePromotion: z.optional(text(risk)),
    maxInconclusive: z.optional(whole(1)),
    onInconclusive: z.optional(z.enum(['abort', 'hold'])),
  });
}

/** Text, and no number: YAML reads 1.10 as 1.1. */
function name(check: (value: string) => unknown): z.ZodMiniType {
  return checked((value) => {
    if (typeof value === 'number') throw new Error('must be text: write it in quotes');
    if (typeof value !== 'string') throw new Error('must be text');
    check(value);
  });
}

function whole(least: number, most = Number.MAX_SAFE_INTEGER): z.ZodMiniType {
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} up` : `from ${least} to ${most}`;
  return checked((value) => {
    if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most)
      throw new Error(`must be a whole number ${range}`);
  });
}

function url(parse: (value: string) => unknown = urlWith(['http', 'https'])): z.ZodMiniType {
  return checked((value) => checkScalar({ parse, secret: 'url' }, value));
}

/** A header that is there to carry a secret wants a reference. */
function headers(): z.ZodMiniType {
  const plain = { parse: plainText, secret: 'url' } as const;
  const secret = { parse: plainText, secret: 'text' } as const;
  return z.record(z.string(), z.unknown()).check((payload) => {
    for (const [header, value] of Object.entries(payload.value))
      try {
        if (!/^[\w!#$%&'*+.^`|~-]+$/.test(header)) throw new Error(`'${header}' is no name of a header`);
        checkScalar(isSecretHeader(header) ? secret : plain, value);
        if (typeof value === 'string' && /[\r\n\0]/.test(value))
          throw new Error('a header has a single line');
      } catch (error) {
        payload.issues.push({ code: 'custom', message: explain(error), path: [header], input: value });
      }
  });
}

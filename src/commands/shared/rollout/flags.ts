import { UserError } from '../../../lib/core/errors.js';
import { defaults } from '../../../lib/rollout/defaults.js';
import { checkLabel, checkNamespace, checkObject } from '../../../lib/rollout/names.js';
import { providerNames } from '../../../lib/rollout/spec.js';
import type { WrittenVersion } from '../../../lib/rollout/written.js';
import { probeUrl, expression, quantile, risk, share, tolerance } from '../../../lib/rollout/values.js';
import { plainText, positiveDuration } from '../../../lib/core/schema/values.js';
import { readUrl } from '../../../lib/core/url.js';
import { serviceUrl } from '../../../lib/http/url-shapes.js';
import { type Flag, type Flags, flag } from '../../../runtime/flags.js';

/**
 * The flags that describe a rollout, or override what its file says. Their values stay as the file would have them, so
 * that both are checked and read in one way; none has a default, because the file's is the one in force.
 */

type Help = { help: string; short?: string };

const http = (text: string) => readUrl(text, serviceUrl);

/** Checked at once, handed on as it was written. */
function written(
  placeholder: string,
  check: (text: string) => unknown,
  options: Help,
): Flag<string | undefined> {
  const parse = (text: string) => {
    check(text);
    return text;
  };
  return flag.parsed(placeholder, parse, options);
}

function duration(help: string, usual?: string) {
  return written('DURATION', positiveDuration, { help: usually(help, usual) });
}

function percent(check: (text: string) => unknown, help: string, usual: string) {
  return written('PERCENT', check, { help: usually(help, usual) });
}

function usually(help: string, usual: string | number | undefined): string {
  return usual === undefined ? help : `${help} (where the file has none: ${usual})`;
}

/** `v1=web-v1`, or `v1` where there is no Deployment. */
function version(help: string): Flag<WrittenVersion | undefined> {
  const parse = (text: string): WrittenVersion => {
    const [name = '', deployment, ...more] = text.split('=');
    if (name === '' || deployment === '' || more.length > 0)
      throw new UserError(`'${text}' names no version`, {
        hint: 'Write it like v1=web-v1: its name, then its Deployment.',
      });
    if (deployment === undefined) return { name };
    checkObject(deployment);
    return { name, deployment };
  };
  return flag.parsed('NAME=DEPLOYMENT', parse, { help });
}

function steps(text: string): number[] {
  return text.split(',').map((part) => {
    const step = Number(part.trim().replace(/%$/, ''));
    if (!Number.isInteger(step) || step < 1 || step > 100 || part.trim() === '')
      throw new UserError(`'${part}' is no step`, {
        hint: 'Give whole percentages from 1 to 100, like 10,50,100.',
      });
    return step;
  });
}

/** Where the rollout is: enough to look at it and to stop it. */
export const routeFlags = {
  file: flag.file({
    access: 'read',
    short: 'f',
    help: "the rollout's description (default: rollouts: of the configuration)",
  }),
  namespace: written('NAME', checkNamespace, {
    short: 'n',
    help: "Kubernetes namespace (default: the file's, else the context's)",
  }),
  context: flag.text({ placeholder: 'NAME', help: 'context of the kubeconfig (default: its current one)' }),
  provider: flag.choice(providerNames, {
    placeholder: 'NAME',
    help: `what carries the weights: ${providerNames.join(', ')}`,
  }),
  route: written('NAME', plainText, {
    help: 'the Service, VirtualService, HTTPRoute or Ingress, or the configuration file, with the weights',
  }),
  label: written('KEY', checkLabel, {
    help: usually("key of the label that tells the versions' pods apart", defaults.label),
  }),
  nginxConfig: flag.file({
    access: 'read',
    help: "nginx: the main configuration that includes the route's file",
  }),
  nginxBinary: flag.file({
    access: 'read',
    help: usually('nginx: the program', defaults.nginx.binary),
  }),
  envoyAdmin: written('URL', http, { help: 'envoy: its admin interface, asked whether it took the file' }),
} satisfies Flags;

/** How it is judged. */
const analysisFlags = {
  prometheus: written('URL', http, { help: 'Prometheus that the expressions are asked of' }),
  requests: written('PROMQL', expression, { help: 'number of requests, with {{version}} and {{window}}' }),
  errors: written('PROMQL', expression, { help: 'number of failed ones' }),
  latency: written('PROMQL', expression, { help: 'histogram of their durations, sum by (le)' }),
  probeUrl: written('URL', probeUrl, { help: 'without Prometheus: what metrify requests, with {{version}}' }),
  probeRate: flag.count({ help: usually('probes a second of each version', defaults.probe.rate) }),
  probeDuration: duration('how long one look probes', defaults.probe.duration),
  probeTimeout: duration('how long a probe may take', defaults.probe.timeout),
  minRequests: flag.count({
    help: usually('requests of each version that a verdict needs at least', defaults.analysis.minRequests),
  }),
  maxErrorIncrease: percent(
    tolerance,
    'percentage points that the error rate may grow',
    defaults.analysis.maxErrorIncrease,
  ),
  latencyQuantile: flag.parsed(
    'Q',
    (text) => {
      const value = Number(text);
      quantile(text.trim() === '' ? undefined : value);
      return value;
    },
    { help: usually('which latency is compared', defaults.analysis.latencyQuantile) },
  ),
  maxLatencyIncrease: percent(share, 'how much longer it may be', defaults.analysis.maxLatencyIncrease),
  falseAbort: percent(risk, 'chance that a healthy version is rejected', defaults.analysis.falseAbort),
  falsePromotion: percent(risk, 'chance that a sick one is promoted', defaults.analysis.falsePromotion),
  maxInconclusive: flag.count({
    help: usually('looks without data before it counts as inconclusive', defaults.analysis.maxInconclusive),
  }),
  onInconclusive: flag.choice(['abort', 'hold'], {
    help: usually('what happens then', defaults.analysis.onInconclusive),
  }),
  smoke: flag.list({ placeholder: 'URL', help: 'must answer 200 before traffic is moved' }),
} satisfies Flags;

/** For verbs that write: they hold the rollout's lease. */
export const holdFlags = {
  takeOver: flag.boolean('take the lease from whoever holds it, and the weights from whoever changed them'),
} satisfies Flags;

/** Of the verbs of `canary` that carry the plan out. */
export const planFlags = {
  ...routeFlags,
  stable: version('the version that has the traffic'),
  canary: version('the version that is to get it'),
  steps: flag.parsed('PERCENT,…', steps, {
    help: usually("the canary's share of traffic, step by step", defaults.steps.join(',')),
  }),
  interval: duration('least time in a step', defaults.interval),
  maxStepDuration: duration('a step without a verdict by then is inconclusive', defaults.maxStepDuration),
  approval: flag.boolean('each step waits for canary promote'),
  commandTimeout: duration("how long the file's gate command may take", defaults.gates.commandTimeout),
  ...analysisFlags,
  ...holdFlags,
} satisfies Flags;

/** Of the verbs of `deploy` that move traffic. */
export const switchFlags = {
  ...routeFlags,
  blue: version('the one version'),
  green: version('the other one'),
  probes: flag.list({ placeholder: 'URL', help: 'must answer 200 while the switch is watched' }),
  ...analysisFlags,
  ...holdFlags,
} satisfies Flags;

/** For verbs that may stay until the end. */
export const waitFlags = {
  wait: flag.boolean('follow the rollout to its end'),
  every: flag.duration({
    help: 'time between two looks with --wait (default: a tenth of the interval, 1s to 5s)',
  }),
} satisfies Flags;

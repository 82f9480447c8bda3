import * as z from 'zod/mini';

import type { Finding } from '../core/schema/findings.js';
import { leavesOf } from '../core/schema/leaves.js';
import { type Described, type Description, type Origin, section } from '../core/schema/section.js';
import {
  choice,
  duration as durationSetting,
  setting,
  type SettingType,
  text,
  url,
  whole,
  yesNo,
} from '../core/schema/setting.js';
import { plainText } from '../core/schema/values.js';
import { readUrl } from '../core/url.js';
import { serviceUrl } from '../http/url-shapes.js';
import { contradictions } from './contradictions.js';
import { defaults } from './defaults.js';
import { checkApp, checkLabel, checkNamespace, checkObject } from './names.js';
import { isSecretHeader } from './plan-hash.js';
import { providerNames } from './spec.js';
import { argument, expression, probeUrl, quantile, requestedUrl, risk, share, tolerance } from './values.js';

type Standard = string | number | boolean;

function usual(value: Standard | undefined): { default?: string } {
  return value === undefined ? {} : { default: String(value) };
}

function duration(help: string, standard?: string) {
  return z.optional(durationSetting({ help, ...usual(standard) }));
}

/** Text that one of the checks of names accepts. */
function name(help: string, check: (text: string) => unknown, standard?: string): SettingType<string> {
  return text({ help, ...usual(standard) }, (value) => {
    check(value);
    return value;
  });
}

function percent(help: string, read: (text: string) => number, standard: string) {
  return z.optional(text({ help, unit: true, ...usual(standard) }, read));
}

function atLeastOne(help: string, standard: number, most?: number) {
  return z.optional(whole({ help, ...usual(standard) }, 1, most));
}

const http = serviceUrl.schemes;
const service = (text: string) => readUrl(text, serviceUrl);

const version = z.strictObject({
  name: name(
    'the subset, backend Service, upstream or cluster; with `service` the value that the label takes',
    plainText,
  ),
  deployment: z.optional(name('its Deployment', checkObject)),
});

const headers = z
  .record(
    z.string(),
    text(
      { help: "a header's value", secret: (header) => (isSecretHeader(header) ? 'text' : 'url') },
      (value) => {
        if (/[\r\n\0]/.test(value)) throw new Error('a header has a single line');
        return plainText(value);
      },
    ),
  )
  .check((payload) => {
    for (const header of Object.keys(payload.value))
      if (!/^[\w!#$%&'*+.^`|~-]+$/.test(header))
        payload.issues.push({
          code: 'custom',
          message: `'${header}' is not the name of a header`,
          path: [header],
          input: payload.value,
        });
  });

const smoke = z
  .strictObject({
    url: url(http, requestedUrl, { help: 'what is requested' }),
    status: z.optional(
      whole({ help: 'the status that is expected', ...usual(defaults.smoke.status) }, 100, 599),
    ),
    bodyContains: z.optional(
      text({ help: 'text that the answer must contain: it proves which version answered' }),
    ),
    headers: z.optional(headers),
    timeout: duration("the answer's time-out", defaults.smoke.timeout),
  })
  .check(({ value, issues }) => {
    // A reference is looked up later.
    if (
      typeof value.url !== 'string' ||
      !Object.keys(value.headers ?? {}).some((name) => /^authorization$/i.test(name))
    )
      return;
    const { username, password } = new URL(value.url.replaceAll('{{version}}', 'v'));
    if (username === '' && password === '') return;
    const message = 'is a URL with a user, and headers have an authorization: only one of them is sent';
    issues.push({ code: 'custom', message, path: ['url'], input: value });
  });

const smokeTests = z.optional(z.array(smoke).check(z.minLength(1)));

const analysis = z.strictObject({
  prometheus: z.optional(
    url(http, service, { help: 'where the expressions are asked; where nothing is said, `prometheus.url`' }),
  ),
  requests: z.optional(
    text({ help: 'PromQL with `{{version}}` and `{{window}}`: the number of requests' }, expression),
  ),
  errors: z.optional(text({ help: 'PromQL: the number of failed requests' }, expression)),
  latency: z.optional(text({ help: 'PromQL: the buckets, `sum by (le)`, never a quantile' }, expression)),
  probe: z.optional(
    z.strictObject({
      url: text(
        {
          help: 'without Prometheus: what metrify requests, with `{{version}}`',
          secret: 'url',
          schemes: http,
        },
        probeUrl,
      ),
      rate: atLeastOne('requests per second to each version', defaults.probe.rate, 10_000),
      duration: duration('how long one look lasts', defaults.probe.duration),
      timeout: duration("an answer's time-out", defaults.probe.timeout),
    }),
  ),
  minRequests: atLeastOne(
    'requests of each version that a verdict needs at least',
    defaults.analysis.minRequests,
  ),
  maxErrorIncrease: percent(
    'percentage points that the error rate may grow; above 0',
    tolerance,
    defaults.analysis.maxErrorIncrease,
  ),
  latencyQuantile: z.optional(
    setting(quantile, {
      help: 'which latency is compared',
      ...usual(defaults.analysis.latencyQuantile),
      json: { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 1 },
    }),
  ),
  maxLatencyIncrease: percent('how much longer it may be', share, defaults.analysis.maxLatencyIncrease),
  falseAbort: percent(
    'chance that a healthy version is rejected; at most 50%',
    risk,
    defaults.analysis.falseAbort,
  ),
  falsePromotion: percent(
    'chance that a sick version passes; at most 50%',
    risk,
    defaults.analysis.falsePromotion,
  ),
  maxInconclusive: atLeastOne(
    'looks without data before a step is inconclusive',
    defaults.analysis.maxInconclusive,
  ),
  onInconclusive: z.optional(
    choice(['abort', 'hold'], {
      help: '`abort` returns the traffic, `hold` leaves the weights',
      ...usual(defaults.analysis.onInconclusive),
    }),
  ),
});

/** One rollout, in a file of its own or below `rollouts:`. Versions may be left to flags. */
export const rolloutSchema = z.strictObject({
  app: name("the rollout's name: APP on the command line", checkApp),
  namespace: z.optional(
    name("namespace of the route and the Deployments; where nothing is said, the context's", checkNamespace),
  ),
  provider: choice(providerNames, { help: 'what carries the weights' }),
  route: name(
    'the Service, VirtualService, HTTPRoute, Ingress or configuration file that carries the weights',
    plainText,
  ),
  stable: z.optional(version),
  canary: z.optional(version),
  blue: z.optional(version),
  green: z.optional(version),
  label: z.optional(name("key of the label that tells the versions' pods apart", checkLabel, defaults.label)),
  steps: z.optional(
    z
      .array(
        whole(
          {
            help: "the canary's percent of the traffic, ascending; 100 is added where it is missing",
            default: defaults.steps.join(', '),
          },
          1,
          100,
        ),
      )
      .check(z.minLength(1)),
  ),
  interval: duration('least time in a step', defaults.interval),
  maxStepDuration: duration('a step without a verdict by then is inconclusive', defaults.maxStepDuration),
  gates: z.optional(
    z.strictObject({
      command: z.optional(
        z
          .array(
            text(
              {
                help: 'a program and its arguments, run without a shell before each step; exit 0 lets it begin',
              },
              argument,
            ),
          )
          .check(z.minLength(1)),
      ),
      commandTimeout: duration('its time-out', defaults.gates.commandTimeout),
      approval: z.optional(
        yesNo({ help: 'each step waits for `canary promote`', ...usual(defaults.gates.approval) }),
      ),
    }),
  ),
  analysis: z.optional(analysis),
  smoke: smokeTests,
  probes: smokeTests,
  nginx: z.optional(
    z.strictObject({
      config: z.optional(
        text({
          help: "the main configuration that includes the route's file; where nothing is said, NGINX's own",
        }),
      ),
      binary: z.optional(text({ help: 'the program that tests it', ...usual(defaults.nginx.binary) })),
    }),
  ),
  envoy: z.optional(
    z.strictObject({
      admin: z.optional(
        url(http, service, { help: "Envoy's admin interface, asked whether it took the file" }),
      ),
    }),
  ),
});

/** A rollout as its schema reads it: durations in milliseconds, shares from 0 to 1, nothing added. */
export type Rollout = z.infer<typeof rolloutSchema>;

/** What `-f` of deploy and canary names. */
export const rolloutDescription: Description<Rollout> = {
  what: 'a rollout',
  code: 'ROLLOUT',
  example: 'app, provider, route, …',
  schema: rolloutSchema,
  contradictions,
};

export const rolloutsSection = section({
  key: 'rollouts',
  schema: z.array(rolloutSchema).check(z.minLength(1)),
  described: rolloutDescription,
  contradictions(rollouts: Rollout[]): Finding[] {
    const apps = new Set<string>();
    return rollouts.flatMap((rollout, index) => {
      const found = contradictions(rollout);
      if (apps.has(rollout.app))
        found.push({ path: ['app'], message: `there are two rollouts of '${rollout.app}'` });
      apps.add(rollout.app);
      return found.map((finding) => ({ ...finding, path: [index, ...finding.path] }));
    });
  },
  finish(_, { data = [], file = '', at }) {
    const value = (data as Record<string, unknown>[]).map((one, index): Described => ({
      data: one,
      file,
      at: (path = []) => at([index, ...path]),
    }));
    return { value, origins: value.flatMap(originsOf) };
  },
  examine: async (rollouts, env) => {
    const { examineRollout } = await import('./examine.js');
    return Promise.all(
      rollouts.map(({ data, file }) => examineRollout(rolloutSchema.parse(data), file, env)),
    );
  },
  names: (rollouts) => ({ rollouts: rollouts.map(({ data }) => String(data['app'])) }),
});

function originsOf({ data, at }: Described): Origin[] {
  return leavesOf(data)
    .filter(({ path }) => path[0] !== 'app')
    .map(({ name, path, ...leaf }) => ({
      ...leaf,
      path: `rollouts.${String(data['app'])}.${name}`,
      from: at(path),
    }));
}

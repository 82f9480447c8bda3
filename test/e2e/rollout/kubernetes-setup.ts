import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { KubernetesObject } from '../../servers/kubernetes/api.js';
import { destinationRule, httpRoute, service, virtualService } from '../../servers/kubernetes/objects.js';
import type { Behaviour, OwnNamespace } from '../../servers/kubernetes/own-namespace.js';
import { until } from '../../servers/ports.js';
import { startTraffic, type Traffic } from '../../servers/traffic.js';
import { type Finished, metrify, type Running, type RunOptions, startMetrify } from '../run.js';

export type Provider = 'istio' | 'gateway-api' | 'service' | 'nginx-ingress';

interface Place {
  readonly own: OwnNamespace;
  readonly provider: Provider;
  readonly app: string;
}

/** The Deployments APP-v1 and APP-v2, their Services, and the route APP with all traffic on v1. */
export async function deployApp(
  place: Place,
  behaviour: { readonly v1?: Behaviour; readonly v2?: Behaviour; readonly replicas?: number } = {},
): Promise<void> {
  const { own, app } = place;
  const { replicas = 1 } = behaviour;
  await Promise.all([
    ...(['v1', 'v2'] as const).map((version) =>
      own.deploy({ app, version, replicas, ...behaviour[version] }),
    ),
    own.apply(
      service(`${app}-v1`, { app, version: 'v1' }),
      service(`${app}-v2`, { app, version: 'v2' }),
      ...routeOf(place),
    ),
  ]);
  const services = new Map([
    [`${app}-v1`, replicas],
    [`${app}-v2`, replicas],
    ...(place.provider === 'istio' ? [[app, 2 * replicas] as const] : []),
    ...(place.provider === 'service' ? [[app, replicas] as const] : []),
  ]);
  await until(
    `the Services of ${app} have their endpoints`,
    async () => {
      const path = `/apis/discovery.k8s.io/v1/namespaces/${own.name}/endpointslices`;
      const slices: KubernetesObject[] = (await own.api.request('GET', path)).items;
      return [...services].every(
        ([name, pods]) =>
          slices
            .filter(({ metadata }) => metadata.labels['kubernetes.io/service-name'] === name)
            .flatMap(({ endpoints }) => endpoints ?? [])
            .filter(({ conditions }) => conditions.ready).length === pods,
      );
    },
    { timeoutMs: 60_000, everyMs: 50 },
  );
}

/** As an operator would write it; a VirtualService's Service and subsets before it. */
export function routeOf({ own, provider, app }: Place): KubernetesObject[] {
  const weights = { v1: 100, v2: 0 };
  switch (provider) {
    case 'istio':
      return [
        service(app, { app }),
        destinationRule(app, own.name, ['v1', 'v2']),
        virtualService(app, own.name, own.host(app), weights),
      ];
    case 'gateway-api':
      return [httpRoute(app, own.host(app), weights)];
    case 'service':
      return [service(app, { app, version: 'v1' })];
    case 'nginx-ingress':
      return [canaryIngress(app, own.host(app))];
  }
}

const NGINX = 'nginx.ingress.kubernetes.io';

function canaryIngress(app: string, host: string): KubernetesObject {
  const backend = { service: { name: `${app}-v2`, port: { number: 80 } } };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: {
      name: app,
      annotations: { [`${NGINX}/canary`]: 'true', [`${NGINX}/canary-weight`]: '0' },
    },
    spec: {
      ingressClassName: 'nginx',
      rules: [{ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }],
    },
  };
}

const KINDS: Readonly<Record<Provider, readonly [apiVersion: string, kind: string]>> = {
  istio: ['networking.istio.io/v1', 'VirtualService'],
  'gateway-api': ['gateway.networking.k8s.io/v1', 'HTTPRoute'],
  service: ['v1', 'Service'],
  'nginx-ingress': ['networking.k8s.io/v1', 'Ingress'],
};

/** `virtualservices.networking.istio.io`, as kubectl has it. */
export const RESOURCES: Readonly<Record<Provider, string>> = {
  istio: 'virtualservices.networking.istio.io',
  'gateway-api': 'httproutes.gateway.networking.k8s.io',
  service: 'services',
  'nginx-ingress': 'ingresses.networking.k8s.io',
};

export const STATE = 'metrify.dev/rollout';

/** The routed object as the API server has it. */
export function objectOf({ own, provider, app }: Place): Promise<KubernetesObject> {
  return own.get(...KINDS[provider], app);
}

/** The weights of v1 and v2 in the routed object. */
export async function weightsAt(place: Place): Promise<[v1: number, v2: number]> {
  const { metadata, spec } = await objectOf(place);
  switch (place.provider) {
    case 'istio':
      return spec.http[0].route.map(({ weight = 0 }: { weight?: number }) => weight);
    case 'gateway-api':
      return spec.rules[0].backendRefs.map(({ weight }: { weight: number }) => weight);
    case 'service':
      return spec.selector.version === 'v1' ? [100, 0] : [0, 100];
    case 'nginx-ingress': {
      const canary = Number(metadata.annotations[`${NGINX}/canary-weight`]);
      return [100 - canary, canary];
    }
  }
}

/** What metrify keeps on the routed object. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each test knows what it looks for
export async function stateAt(place: Place): Promise<any> {
  const text = (await objectOf(place)).metadata.annotations?.[STATE];
  return text === undefined ? undefined : JSON.parse(text);
}

/** The name that the provider has for a version. */
export function nameOf({ provider, app }: Pick<Place, 'provider' | 'app'>, version: string): string {
  return provider === 'istio' || provider === 'service' ? version : `${app}-${version}`;
}

/** The analysis of a rollout by the stack's Prometheus. */
export function analysisOf({ own, provider, app }: Place, latency = false): Record<string, unknown> {
  const isSubset = provider === 'istio' || provider === 'service';
  const which = isSubset ? 'version="{{version}}"' : 'pod=~"{{version}}-.+"';
  const labels = `namespace="${own.name}",app="${app}",${which}`;
  return {
    prometheus: own.stack.prometheus,
    requests: `sum(increase(http_requests_total{${labels}}[{{window}}]))`,
    errors: `sum(increase(http_requests_total{${labels},code=~"5.."}[{{window}}]))`,
    ...(latency && {
      latency: `sum by (le) (increase(http_request_duration_seconds_bucket{${labels}}[{{window}}]))`,
    }),
  };
}

export interface Rollout extends Place {
  readonly file: string;
  /** Runs a verb to its end, with --json: `canary`, `step`. */
  run(group: 'canary' | 'deploy', verb: string, ...args: string[]): Promise<Finished>;
  /** The same as somebody else. */
  as(kubeconfig: string): Rollout;
  start(group: 'canary' | 'deploy', verb: string, ...args: string[]): Promise<Running>;
}

export interface Rollouts {
  /** A file that describes a rollout of this app; `more` adds to it. */
  write(place: Place, more?: Record<string, unknown>): Promise<Rollout>;
  remove(): Promise<void>;
}

export async function openRollouts(): Promise<Rollouts> {
  const folder = await mkdtemp(join(tmpdir(), 'metrify-rollouts-'));
  let files = 0;
  return {
    async write(place, more = {}) {
      const { own, provider, app } = place;
      const [first, second] = ['v1', 'v2'].map((version) => ({
        name: nameOf(place, version),
        deployment: `${app}-${version}`,
      }));
      const isBlueGreen = provider === 'service' || 'blue' in more || more['form'] === 'blue-green';
      const { form: _, ...rest } = more;
      const pair = isBlueGreen ? { blue: first, green: second } : { stable: first, canary: second };
      const timing = isBlueGreen ? {} : { steps: [50, 100], interval: '1s', maxStepDuration: '60s' };
      const file = join(folder, `rollout-${files++}.json`);
      await writeFile(file, JSON.stringify({ app, provider, route: app, ...pair, ...timing, ...rest }));
      return rolloutOf(place, file, own.kubeconfig);
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function rolloutOf(place: Place, file: string, kubeconfig: string): Rollout {
  const options: RunOptions = { env: { KUBECONFIG: kubeconfig }, timeoutMs: 120_000 };
  const line = (group: string, verb: string, args: string[]) => [group, verb, '-f', file, '--json', ...args];
  return {
    ...place,
    file,
    run: (group, verb, ...args) => metrify(line(group, verb, args), options),
    start: (group, verb, ...args) => startMetrify(line(group, verb, args), options),
    as: (other) => rolloutOf(place, file, other),
  };
}

/** The stderr of a command whose exit code is another than this. */
export function ended({ code, stdout, stderr }: Finished, expected = 0): void {
  if (code !== expected)
    throw new Error(`exit ${code}, not ${expected}\n${stderr}\n${stdout.slice(0, 4_000)}`);
}

/** Requests to the app at the gateway of its provider, from when the route is live. */
export async function trafficTo({ own, provider, app }: Place, rate: number): Promise<Traffic> {
  const gateway = provider === 'istio' ? own.stack.istioGateway : own.stack.gatewayApi;
  const where = { url: `http://${gateway}/`, host: own.host(app) };
  await until(
    `${app} is live`,
    async () => {
      const answer = await (await startTraffic({ ...where, rate: 20, durationMs: 100 })).finished;
      return Object.keys(answer.failures).every((reason) => / of v\d$/.test(reason));
    },
    { timeoutMs: 60_000, everyMs: 200 },
  );
  return startTraffic({ ...where, rate });
}

/** Waits until the command has set these weights. Fails at once when it ended instead. */
export async function begun(
  rollout: Rollout,
  running: Running,
  weights: readonly [v1: number, v2: number],
): Promise<void> {
  let end: Finished | undefined;
  void running.finished.then((finished) => (end = finished));
  await until(
    `the weights are ${weights.join('/')}`,
    async () => {
      if ((await weightsAt(rollout)).join() === weights.join()) return true;
      if (end) throw new Error(`ended with ${end.code ?? end.signal}\n${end.stderr}\n${end.stdout}`);
      return false;
    },
    { timeoutMs: 60_000, everyMs: 50 },
  );
}

/** Steps as cron would, until v1 and v2 have these weights. */
export async function stepUntil(rollout: Rollout, weights: readonly [v1: number, v2: number]): Promise<void> {
  await until(
    `the weights are ${weights.join('/')}`,
    async () => {
      if ((await weightsAt(rollout)).join() === weights.join()) return true;
      ended(await rollout.run('canary', 'step'));
      return false;
    },
    { timeoutMs: 60_000, everyMs: 300 },
  );
}

import { openKubernetes, type KubernetesClient } from '../../../src/lib/clients/kubernetes/client.js';
import {
  openKubernetesProvider,
  type KubernetesProviderName,
} from '../../../src/lib/rollout/providers/kubernetes/provider.js';
import type { Provider } from '../../../src/lib/rollout/route.js';
import { httpRoute, service, virtualService } from '../../servers/kubernetes/objects.js';
import type { OwnNamespace } from '../../servers/kubernetes/own-namespace.js';

export const signal = new AbortController().signal;

export async function open(kubeconfig: string, requestTimeoutMs = 30_000): Promise<KubernetesClient> {
  return openKubernetes({ kubeconfig, context: undefined, namespace: undefined }, { requestTimeoutMs });
}

/** One route that a provider shifts, as an operator would write it. */
export interface Example {
  readonly provider: KubernetesProviderName;
  /** As kubectl has it: `virtualservice`. */
  readonly kind: string;
  readonly versions: readonly [stable: string, canary: string];
  /** A share of the canary that this kind can carry. */
  readonly percent: number;
  /** The operator's manifest, all traffic on stable. */
  manifest(own: OwnNamespace): Record<string, unknown>;
  /** JSON paths of the weights in kubectl's answer, and how they read with `percent`. */
  readonly jsonpath: string;
  readonly written: readonly [before: string, after: string];
}

const main = 'nginx.ingress.kubernetes.io';

export const EXAMPLES: readonly Example[] = [
  {
    provider: 'istio',
    kind: 'virtualservices.networking.istio.io',
    versions: ['v1', 'v2'],
    percent: 10,
    manifest(own) {
      const object = virtualService('web', own.name, own.host(), { v1: 100, v2: 0 });
      const [route] = object.spec.http;
      const other = { host: `other.${own.name}.svc.cluster.local` };
      object.spec.http = [
        { match: [{ uri: { prefix: '/other' } }], route: [{ destination: other }] },
        { name: 'main', retries: { attempts: 3, perTryTimeout: '2s' }, timeout: '7s', ...route },
        { match: [{ uri: { prefix: '/v1' } }], route: [{ destination: route.route[0].destination }] },
      ];
      return object;
    },
    jsonpath: '{.spec.http[1].route[*].weight}',
    written: ['100 0', '90 10'],
  },
  {
    provider: 'gateway-api',
    kind: 'httproutes.gateway.networking.k8s.io',
    versions: ['web-v1', 'web-v2'],
    percent: 5,
    manifest(own) {
      const object = httpRoute('web', own.host(), { v1: 80, v2: 0 });
      // A third backend keeps its fifth: the two share out the other 80.
      object.spec.rules[0].backendRefs.push({ name: 'other', port: 80, weight: 20 });
      return object;
    },
    jsonpath: '{.spec.rules[0].backendRefs[*].weight}',
    written: ['80 0 20', '76 4 20'],
  },
  {
    provider: 'nginx-ingress',
    kind: 'ingresses.networking.k8s.io',
    versions: ['web-v1', 'web-v2'],
    percent: 10,
    manifest: (own) => ({
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: {
        name: 'web',
        annotations: {
          [`${main}/canary`]: 'true',
          [`${main}/canary-weight`]: '0',
          [`${main}/canary-weight-total`]: '1000',
        },
      },
      spec: {
        ingressClassName: 'nginx',
        rules: [
          {
            host: own.host(),
            http: {
              paths: [
                {
                  path: '/',
                  pathType: 'Prefix',
                  backend: { service: { name: 'web-v2', port: { number: 80 } } },
                },
              ],
            },
          },
        ],
      },
    }),
    jsonpath: String.raw`{.metadata.annotations.nginx\.ingress\.kubernetes\.io/canary-weight}`,
    written: ['0', '100'],
  },
  {
    provider: 'service',
    kind: 'services',
    versions: ['v1', 'v2'],
    percent: 100,
    manifest: () => service('web', { app: 'web', version: 'v1' }),
    jsonpath: '{.spec.selector.version}',
    written: ['v1', 'v2'],
  },
];

/** Without what the API server changes with every write, what controllers say, and what metrify keeps on the object. */
export function essence({
  status: _status,
  ...object
}: {
  status?: unknown;
  metadata: Record<string, unknown>;
}): unknown {
  const {
    managedFields: _,
    resourceVersion: __,
    generation: ___,
    annotations,
    ...metadata
  } = object.metadata;
  const kept = Object.entries((annotations ?? {}) as Record<string, string>).filter(
    ([name]) => !name.startsWith('metrify.dev/'),
  );
  return { ...object, metadata: { ...metadata, annotations: Object.fromEntries(kept) } };
}

export async function openProvider(
  { provider, versions: [stable, canary] }: Pick<Example, 'provider' | 'versions'>,
  client: KubernetesClient,
): Promise<Provider> {
  const version = (name: string, number: number) => ({
    name,
    deployment: `web-v${number}`,
    colour: undefined,
  });
  return openKubernetesProvider(
    {
      provider,
      namespace: undefined,
      route: 'web',
      label: 'version',
      versions: { stable: version(stable, 1), canary: version(canary, 2) },
    },
    client,
  );
}

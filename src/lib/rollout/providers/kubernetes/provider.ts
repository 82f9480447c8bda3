import type { KubernetesClient } from '../../../clients/kubernetes/client.js';
import type { KubernetesObject, Resource } from '../../../clients/kubernetes/resource.js';
import { type Clock, systemClock } from '../../../core/clock.js';
import type { Kept, Provider } from '../../route.js';
import type { ProviderName, RolloutSpec } from '../../spec.js';
import type { Carrier, RouteSpec } from './carrier.js';
import { gatewayApiCarrier } from './gateway-api.js';
import { istioCarrier } from './istio.js';
import { leaseStoreOf } from './lease-store.js';
import { nginxIngressCarrier } from './nginx-ingress.js';
import { noSuchRoute, ObjectRoute, OWNERS, STATE } from './object-route.js';
import { serviceCarrier } from './service.js';
import { DeploymentWorkloads } from './workloads.js';

export type KubernetesProviderName = Exclude<ProviderName, 'nginx' | 'envoy'>;

/** What these providers need of a rollout's specification. */
export type KubernetesSpec = RouteSpec &
  Pick<RolloutSpec, 'namespace'> & { readonly provider: KubernetesProviderName };

const carriers: Record<KubernetesProviderName, (spec: RouteSpec) => Carrier> = {
  service: serviceCarrier,
  istio: istioCarrier,
  'gateway-api': gatewayApiCarrier,
  'nginx-ingress': nginxIngressCarrier,
};

export function isKubernetesProvider(name: ProviderName): name is KubernetesProviderName {
  return name in carriers;
}

/** The provider that shifts traffic by an object of the cluster. It closes the client. */
export async function openKubernetesProvider(
  spec: KubernetesSpec,
  client: KubernetesClient,
  clock: Clock = systemClock,
): Promise<Provider> {
  const namespace = spec.namespace ?? client.namespace;
  const carrier = carriers[spec.provider](spec);
  const resource: Resource = { ...carrier.kind, namespace, name: spec.route };
  return {
    versions: spec.versions,
    route: new ObjectRoute(client, resource, carrier, leaseStoreOf(client, resource), clock),
    workloads: new DeploymentWorkloads(client, namespace, spec),
    close: () => Promise.resolve(client.close()),
  };
}

/** The object that carries the weights. The versions need not be known. */
export function routeResource(spec: Omit<KubernetesSpec, 'versions'>, usualNamespace: string): Resource {
  const nobody = { name: '', deployment: undefined, colour: undefined };
  const { kind } = carriers[spec.provider]({ ...spec, versions: { stable: nobody, canary: nobody } });
  return { ...kind, namespace: spec.namespace ?? usualNamespace, name: spec.route };
}

/** @throws as Route.read */
export async function requireRoute(
  resource: Resource,
  client: KubernetesClient,
  signal: AbortSignal,
): Promise<KubernetesObject> {
  const object = await client.get<KubernetesObject>(resource, signal);
  if (!object) throw noSuchRoute(resource, client.host);
  return object;
}

/**
 * What metrify keeps on the object. The versions need not be known.
 * @throws as Route.read
 */
export async function peekKubernetesState(
  spec: Omit<KubernetesSpec, 'versions'>,
  client: KubernetesClient,
  signal: AbortSignal,
): Promise<Kept> {
  const resource = routeResource(spec, client.namespace);
  const object = await requireRoute(resource, client, signal);
  const { [STATE]: state, [OWNERS]: owners } = object.metadata.annotations ?? {};
  return { state, unfinished: owners !== undefined };
}

import type { Kind, KubernetesObject } from '../../../clients/kubernetes/resource.js';
import { UserError } from '../../../core/errors.js';
import type { Pair } from '../../spec.js';
import type { Carrier, RouteSpec } from './carrier.js';
import { type Destination, patchWeights, type WeightedPair, weightsOf } from './weighted-pairs.js';

interface VirtualService extends KubernetesObject {
  readonly spec?: { readonly http?: readonly HttpRoute[] };
}

interface HttpRoute {
  readonly name?: string;
  readonly route?: readonly RouteDestination[];
}

interface RouteDestination {
  readonly destination?: { readonly host?: string; readonly subset?: string };
  readonly weight?: number;
}

const kind: Kind = {
  group: 'networking.istio.io',
  version: 'v1',
  resource: 'virtualservices',
  kind: 'VirtualService',
};

/** Every `http` route of a VirtualService that sends to both versions, by subset or by host. */
export function istioCarrier({ versions, route }: RouteSpec): Carrier {
  const name = `VirtualService ${route}`;
  return {
    kind,
    ownedAt: ['f:spec', 'f:http'],
    weights: (object) => weightsOf(name, findPairs(name, object, versions)),
    patch: (object, weights) => patchWeights(name, findPairs(name, object, versions), weights),
  };
}

function findPairs(name: string, { spec }: VirtualService, { stable, canary }: Pair): WeightedPair[] {
  const routes = spec?.http ?? [];
  const pairs = routes.flatMap(({ name: called, route = [] }, at): WeightedPair[] => {
    const where = `http[${at}]${called === undefined ? '' : ` (${called})`}`;
    const find = (version: string) => destinationOf(name, where, `/spec/http/${at}/route`, route, version);
    const [first, second] = [find(stable.name), find(canary.name)];
    return first && second ? [{ where, stable: first, canary: second, alone: route.length === 2 }] : [];
  });
  if (pairs.length === 0) throw missing(name, routes, stable.name, canary.name);
  return pairs;
}

function destinationOf(
  name: string,
  where: string,
  path: string,
  route: readonly RouteDestination[],
  version: string,
): Destination | undefined {
  const found = route.flatMap((entry, at) => (isVersion(entry, version) ? [at] : []));
  if (found.length > 1)
    throw new UserError(`${name}: ${where} names ${version} twice`, {
      hint: 'Leave one of the two destinations, with the weight of both.',
      code: 'ROUTE',
    });
  if (found[0] === undefined) return undefined;
  const written = route[found[0]]!.weight;
  return { path: `${path}/${found[0]}/weight`, written, weight: written ?? (route.length === 1 ? 100 : 0) };
}

function isVersion({ destination }: RouteDestination, version: string): boolean {
  const { host, subset } = destination ?? {};
  if (subset !== undefined) return subset === version;
  return host === version || host?.split('.', 1)[0] === version;
}

function missing(name: string, routes: readonly HttpRoute[], stable: string, canary: string): UserError {
  for (const [present, absent, weights] of [
    [stable, canary, 0],
    [canary, stable, 100],
  ] as const) {
    const at = routes.findIndex(({ route = [] }) => route.some((entry) => isVersion(entry, present)));
    const { host, subset } = routes[at]?.route?.find((entry) => isVersion(entry, present))?.destination ?? {};
    if (at < 0 || host === undefined) continue;
    const destination = subset === undefined ? `{ host: ${absent} }` : `{ host: ${host}, subset: ${absent} }`;
    return new UserError(`${name}: no http route sends to ${absent}`, {
      hint: `Add to spec.http[${at}].route: { destination: ${destination}, weight: ${weights} }.`,
      code: 'ROUTE',
    });
  }
  return new UserError(`${name}: no http route sends to ${stable} or ${canary}`, {
    hint: `Add to a route of spec.http both { destination: { host: HOST, subset: ${stable} }, weight: 100 } and { destination: { host: HOST, subset: ${canary} }, weight: 0 }.`,
    code: 'ROUTE',
  });
}

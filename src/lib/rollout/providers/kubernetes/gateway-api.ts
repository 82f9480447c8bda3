import type { Kind, KubernetesObject } from '../../../clients/kubernetes/resource.js';
import { UserError } from '../../../core/errors.js';
import type { Pair } from '../../spec.js';
import type { Carrier, RouteSpec } from './carrier.js';
import { type Destination, patchWeights, type WeightedPair, weightsOf } from './weighted-pairs.js';

interface HTTPRoute extends KubernetesObject {
  readonly spec?: { readonly rules?: readonly Rule[] };
}

interface Rule {
  readonly name?: string;
  readonly backendRefs?: readonly BackendRef[];
}

interface BackendRef {
  readonly group?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly port?: number;
  readonly weight?: number;
}

const kind: Kind = {
  group: 'gateway.networking.k8s.io',
  version: 'v1',
  resource: 'httproutes',
  kind: 'HTTPRoute',
};

/** Every rule of an HTTPRoute whose backends are both versions' Services. */
export function gatewayApiCarrier({ versions, route }: RouteSpec): Carrier {
  const name = `HTTPRoute ${route}`;
  return {
    kind,
    ownedAt: ['f:spec', 'f:rules'],
    weights: (object) => weightsOf(name, findPairs(name, object, versions)),
    patch: (object, weights) => patchWeights(name, findPairs(name, object, versions), weights),
  };
}

function findPairs(name: string, { spec }: HTTPRoute, { stable, canary }: Pair): WeightedPair[] {
  const rules = spec?.rules ?? [];
  const pairs = rules.flatMap(({ name: called, backendRefs = [] }, at): WeightedPair[] => {
    const where = `rules[${at}]${called === undefined ? '' : ` (${called})`}`;
    const find = (service: string) =>
      backendOf(name, where, `/spec/rules/${at}/backendRefs`, backendRefs, service);
    const [first, second] = [find(stable.name), find(canary.name)];
    return first && second ? [{ where, stable: first, canary: second, alone: backendRefs.length === 2 }] : [];
  });
  if (pairs.length === 0) throw missing(name, rules, stable.name, canary.name);
  return pairs;
}

function backendOf(
  name: string,
  where: string,
  path: string,
  backends: readonly BackendRef[],
  service: string,
): Destination | undefined {
  const found = backends.flatMap((backend, at) => (isService(backend, service) ? [at] : []));
  if (found.length > 1)
    throw new UserError(`${name}: ${where} names the Service ${service} twice`, {
      hint: 'Leave one of the two backends, with the weight of both.',
      code: 'ROUTE',
    });
  if (found[0] === undefined) return undefined;
  const written = backends[found[0]]!.weight;
  return { path: `${path}/${found[0]}/weight`, written, weight: written ?? 1 };
}

function isService({ group = '', kind: of = 'Service', name }: BackendRef, service: string): boolean {
  return group === '' && of === 'Service' && name === service;
}

function missing(name: string, rules: readonly Rule[], stable: string, canary: string): UserError {
  for (const [present, absent, weight] of [
    [stable, canary, 0],
    [canary, stable, 100],
  ] as const) {
    const at = rules.findIndex(({ backendRefs = [] }) =>
      backendRefs.some((backend) => isService(backend, present)),
    );
    const port = rules[at]?.backendRefs?.find((backend) => isService(backend, present))?.port;
    if (at < 0) continue;
    return new UserError(`${name}: no rule has the Service ${absent} as a backend`, {
      hint: `Add to spec.rules[${at}].backendRefs: { name: ${absent}${port === undefined ? '' : `, port: ${port}`}, weight: ${weight} }.`,
      code: 'ROUTE',
    });
  }
  return new UserError(`${name}: no rule has the Service ${stable} or ${canary} as a backend`, {
    hint: `Add to the backendRefs of a rule both { name: ${stable}, port: PORT, weight: 100 } and { name: ${canary}, port: PORT, weight: 0 }.`,
    code: 'ROUTE',
  });
}

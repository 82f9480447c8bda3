import { type Kind, type KubernetesObject, pointerPart } from '../../../clients/kubernetes/resource.js';
import { UserError } from '../../../core/errors.js';
import type { Carrier, RouteSpec } from './carrier.js';
import { wholeShare } from './weighted-pairs.js';

interface Ingress extends KubernetesObject {
  readonly spec?: {
    readonly defaultBackend?: Backend;
    readonly rules?: readonly {
      readonly http?: { readonly paths?: readonly { readonly backend?: Backend }[] };
    }[];
  };
}

interface Backend {
  readonly service?: { readonly name?: string };
}

const kind: Kind = {
  group: 'networking.k8s.io',
  version: 'v1',
  resource: 'ingresses',
  kind: 'Ingress',
};

const PREFIX = 'nginx.ingress.kubernetes.io';
const WEIGHT = `${PREFIX}/canary-weight`;

/** The canary Ingress beside the main one; its annotation says how much of the other's traffic it takes. */
export function nginxIngressCarrier({ route, versions }: RouteSpec): Carrier {
  const name = `Ingress ${route}`;
  const read = (object: KubernetesObject) => canaryWeight(name, object, versions.canary.name);
  return {
    kind,
    ownedAt: ['f:metadata', 'f:annotations', `f:${WEIGHT}`],
    weights(object) {
      const { weight, total } = read(object);
      const canary = Math.min(100, (weight * 100) / total);
      return { stable: 100 - canary, canary };
    },
    patch(object, { canary }) {
      const { total, written } = read(object);
      const weight = wholeShare(canary, total);
      if (weight === undefined)
        throw new UserError(`${name}: of canary-weight-total ${total}, ${canary}% cannot be written`, {
          hint: 'Make the total 100, or choose steps that fit.',
          code: 'ROUTE',
        });
      if (written === String(weight)) return [];
      return [{ op: 'add', path: `/metadata/annotations/${pointerPart(WEIGHT)}`, value: String(weight) }];
    },
  };
}

function canaryWeight(
  name: string,
  { metadata, spec }: Ingress,
  service: string,
): { weight: number; total: number; written: string | undefined } {
  const {
    [`${PREFIX}/canary`]: canary,
    [WEIGHT]: written,
    [`${PREFIX}/canary-weight-total`]: total,
  } = metadata.annotations ?? {};
  if (canary !== 'true')
    throw new UserError(`${name} is not the canary's: it lacks the annotation ${PREFIX}/canary: "true"`, {
      hint: 'Name the canary Ingress in route:, or add the annotation.',
      code: 'ROUTE',
    });
  const backends = [
    spec?.defaultBackend,
    ...(spec?.rules ?? []).flatMap(({ http }) => (http?.paths ?? []).map(({ backend }) => backend)),
  ];
  if (!backends.some((backend) => backend?.service?.name === service))
    throw new UserError(`${name}: none of its paths has the Service ${service} as its backend`, {
      hint: `Set backend: { service: { name: ${service} } } in a path of the canary Ingress.`,
      code: 'ROUTE',
    });
  return {
    weight: count(name, WEIGHT, written ?? '0'),
    total: count(name, `${WEIGHT}-total`, total ?? '100') || 100,
    written,
  };
}

function count(name: string, annotation: string, value: string): number {
  if (/^\d+$/.test(value)) return Number(value);
  throw new UserError(`${name}: ${annotation} is '${value}', not a whole number`, {
    hint: 'Correct the annotation.',
    code: 'ROUTE',
  });
}

import { type Kind, type KubernetesObject, pointerPart } from '../../../clients/kubernetes/resource.js';
import { UserError } from '../../../core/errors.js';
import type { Carrier, RouteSpec } from './carrier.js';

interface Service extends KubernetesObject {
  readonly spec?: { readonly selector?: Readonly<Record<string, string>> };
}

const kind: Kind = { group: '', version: 'v1', resource: 'services', kind: 'Service' };

/** A Service whose selector picks one version by its label: all of the traffic or none. */
export function serviceCarrier({ route, versions, label }: RouteSpec): Carrier {
  const name = `Service ${route}`;
  const selected = ({ spec }: Service) => spec?.selector?.[label];
  return {
    kind,
    ownedAt: ['f:spec', 'f:selector'],
    weights(object) {
      const value = selected(object);
      if (value === versions.stable.name) return { stable: 100, canary: 0 };
      if (value === versions.canary.name) return { stable: 0, canary: 100 };
      throw new UserError(
        value === undefined
          ? `${name} does not select by the label '${label}'`
          : `${name} selects ${label}=${value}, which is neither ${versions.stable.name} nor ${versions.canary.name}`,
        {
          hint: `Set spec.selector: { ${label}: ${versions.stable.name} } beside its other labels.`,
          code: 'ROUTE',
        },
      );
    },
    patch(object, { canary }) {
      if (canary !== 0 && canary !== 100)
        throw new UserError(`${name} cannot send ${canary}% to a version: a selector picks one`, {
          hint: "Provider 'service' is for `metrify deploy`; a canary needs istio, gateway-api, nginx-ingress, nginx or envoy.",
          code: 'ROUTE',
        });
      const value = (canary === 100 ? versions.canary : versions.stable).name;
      if (selected(object) === value) return [];
      return [{ op: 'add', path: `/spec/selector/${pointerPart(label)}`, value }];
    },
  };
}

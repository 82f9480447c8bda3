import type { KubernetesObject } from '../../../clients/kubernetes/resource.js';

export interface EndpointSlice extends KubernetesObject {
  readonly endpoints?: readonly Endpoint[] | null;
}

interface Endpoint {
  readonly conditions?: {
    readonly ready?: boolean;
    readonly serving?: boolean;
    readonly terminating?: boolean;
  };
  readonly targetRef?: { readonly kind?: string; readonly name?: string };
}

const SERVICE_NAME = 'kubernetes.io/service-name';

/**
 * How many of the pods get traffic, according to each Service's slices; where Services differ (one was changed a
 * moment ago) the fewest. Undefined when no Service has any of them.
 */
export function servingPods(slices: readonly EndpointSlice[], pods: ReadonlySet<string>): number | undefined {
  const services = new Map<string, Set<string>>();
  for (const { metadata, endpoints } of slices) {
    const service = metadata.labels?.[SERVICE_NAME];
    if (service === undefined) continue;
    for (const { conditions = {}, targetRef } of endpoints ?? []) {
      if (targetRef?.kind !== 'Pod' || targetRef.name === undefined || !pods.has(targetRef.name)) continue;
      // A pod stands in several slices: one for each address family.
      const serving = services.get(service) ?? new Set();
      services.set(service, serving);
      const { ready = true, serving: serves = ready, terminating = false } = conditions;
      if (ready && serves && !terminating) serving.add(targetRef.name);
    }
  }
  if (services.size === 0) return undefined;
  return Math.min(...[...services.values()].map(({ size }) => size));
}

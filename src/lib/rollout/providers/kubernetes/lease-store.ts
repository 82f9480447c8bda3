import { isDeepStrictEqual } from 'node:util';

import type { KubernetesClient } from '../../../clients/kubernetes/client.js';
import { displayName, type KubernetesObject, type Resource } from '../../../clients/kubernetes/resource.js';
import { ServiceConflict } from '../../../core/errors.js';
import type { LeaseRecord, LeaseStore } from '../../lease.js';

interface Lease extends KubernetesObject {
  readonly spec?: {
    readonly holderIdentity?: string | undefined;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

/** A Lease beside the route, named after it, on the API server's clock. */
export function leaseStoreOf(client: KubernetesClient, route: Resource): LeaseStore {
  const resource: Resource = {
    group: 'coordination.k8s.io',
    version: 'v1',
    resource: 'leases',
    kind: 'Lease',
    namespace: route.namespace,
    name: `metrify-${route.kind.toLowerCase()}-${route.name}`,
  };
  // What we do not know of it (labels, owners, a strategy) is written back as it was.
  let last: Lease | undefined;
  const read = async (signal: AbortSignal) => (last = await client.get<Lease>(resource, signal));
  return {
    name: displayName(resource),
    now: () => client.now(),

    async read(signal) {
      const lease = await read(signal);
      return { record: lease && recordOf(lease), version: lease?.metadata.resourceVersion };
    },

    async write(record, version, signal) {
      const known = last?.metadata.resourceVersion === version ? last : undefined;
      const { name, namespace } = resource;
      const object = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name, namespace, ...known?.metadata, resourceVersion: version },
        spec: { ...known?.spec, ...specOf(record) },
      };
      try {
        last = await (version === undefined
          ? client.create<Lease>(resource, object, signal)
          : client.replace<Lease>(resource, object, signal));
      } catch (error) {
        if (!(error instanceof ServiceConflict)) throw error;
        const now = await read(signal);
        // It may be our own write, whose answer was lost.
        if (!now || !isDeepStrictEqual(recordOf(now), recordOf(object))) throw error;
      }
      return last!.metadata.resourceVersion;
    },
  };
}

function recordOf({ spec = {} }: Pick<Lease, 'spec'>): LeaseRecord {
  return {
    holder: spec.holderIdentity ?? '',
    acquiredAt: Date.parse(spec.acquireTime ?? '') || 0,
    renewedAt: Date.parse(spec.renewTime ?? '') || 0,
    durationMs: (spec.leaseDurationSeconds ?? 0) * 1000,
    transitions: spec.leaseTransitions ?? 0,
  };
}

function specOf({ holder, acquiredAt, renewedAt, durationMs, transitions }: LeaseRecord) {
  return {
    // The API refuses an empty holder; no holder is a missing one.
    holderIdentity: holder || undefined,
    leaseDurationSeconds: Math.max(1, Math.ceil(durationMs / 1000)),
    acquireTime: microTime(acquiredAt),
    renewTime: microTime(renewedAt),
    leaseTransitions: transitions,
  };
}

/** MicroTime has six digits. */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}

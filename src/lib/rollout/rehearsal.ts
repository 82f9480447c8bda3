import { unifiedDiff } from '../core/unified-diff.js';
import type { LeaseRecord } from './lease.js';
import type { Commit, Provider, RouteChange, RouteView } from './route.js';

/** A provider that reads from the real one and only writes down what it would change: what `--dry-run` runs on. */
export interface Rehearsal {
  readonly provider: Provider;
  /** In the order in which they would be made. */
  readonly changes: RouteChange[];
}

export function rehearse({ versions, route, workloads, close }: Provider): Rehearsal {
  const changes: RouteChange[] = [];
  let shown: RouteView | undefined;
  let lease: LeaseRecord | undefined;
  const scaled = new Map<string, number>();
  const commit = (view: RouteView, change: Commit): Promise<RouteView> => {
    // What would be written after that depends on what the first one makes of the route.
    if (!shown) changes.push(...route.describe(view, change));
    shown = { ...view, weights: change.weights ?? view.weights, state: change.state, unfinished: false };
    return Promise.resolve(shown);
  };
  return {
    changes,
    provider: {
      versions,
      route: {
        name: route.name,
        read: async (signal) => shown ?? (await route.read(signal)),
        shows: (view, weights) => route.shows(view, weights),
        describe: (view, change) => route.describe(view, change),
        commit,
        leases: {
          name: route.leases.name,
          now: () => route.leases.now(),
          read: () => Promise.resolve({ record: lease, version: undefined }),
          write: (record) => {
            lease = record;
            return Promise.resolve('');
          },
        },
      },
      workloads: workloads && {
        async fleet(deployment, signal) {
          const fleet = await workloads.fleet(deployment, signal);
          const replicas = scaled.get(deployment);
          if (replicas === undefined) return fleet;
          return { ...fleet, desired: replicas, ready: replicas, rolledOut: true, problem: undefined };
        },
        async scale(deployment, replicas, signal) {
          const before = scaled.get(deployment) ?? (await workloads.fleet(deployment, signal)).desired;
          scaled.set(deployment, replicas);
          const object = `Deployment ${deployment}/scale`;
          const written = (count: number) => `spec:\n  replicas: ${count}\n`;
          const diff = unifiedDiff(object, written(before), written(replicas));
          changes.push({ object, patch: { spec: { replicas } }, diff });
        },
      },
      close,
    },
  };
}

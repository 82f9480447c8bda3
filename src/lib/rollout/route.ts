import type { LeaseStore } from './lease.js';
import type { Pair } from './spec.js';

/** Percent of the pair's traffic; the two make 100. */
export interface Weights {
  readonly stable: number;
  readonly canary: number;
}

/** A route as it stands. */
export interface RouteView {
  readonly weights: Weights;
  /** What metrify keeps on the route, as it was written (JSON); undefined when nothing is. */
  readonly state: string | undefined;
  /** What a commit is guarded by: a resourceVersion, or a hash of the files. */
  readonly revision: string;
  /** The last one who wrote the weights, where the route knows: a field manager. */
  readonly changedBy: string | undefined;
  /** A change of weights that was begun and not finished (its process was killed); committing it again mends it. */
  readonly unfinished: boolean;
}

/** What metrify keeps on a route, read without knowing its versions. */
export type Kept = Pick<RouteView, 'state' | 'unfinished'>;

export interface Commit {
  /** Undefined: they stay. */
  readonly weights: Weights | undefined;
  readonly state: string;
}

/** One thing that a commit writes, as `--dry-run` shows it. */
export interface RouteChange {
  /** `VirtualService metering/web` or a file's path. */
  readonly object: string;
  /** The exact patch (JSON patch operations), or the file's new content. */
  readonly patch: unknown;
  /** What it changes of the routed object or file, as a unified diff; undefined where it is metrify's own state. */
  readonly diff?: string;
}

/** Whether they are the same; what a sum of weights is divided into may come out with a digit more. */
export function sameWeights(a: Weights, b: Weights): boolean {
  return Math.abs(a.canary - b.canary) < 1e-6;
}

/** The object that carries the weights, and metrify's state beside them. */
export interface Route {
  /** `VirtualService metering/web`, for people. */
  readonly name: string;
  readonly leases: LeaseStore;
  /**
   * @throws ServiceUnavailable, ServiceRefused; UserError when there is no such route or it does not name both
   * versions, with what to add.
   */
  read(signal: AbortSignal): Promise<RouteView>;
  /** Whether the view's weights are these, as nearly as the route can express them. Pure. */
  shows(view: RouteView, weights: Weights): boolean;
  /** What `commit` would write. Pure. */
  describe(view: RouteView, commit: Commit): RouteChange[];
  /**
   * Writes weights and state so that a kill at any instant leaves either what was there or what was asked for (or an
   * `unfinished` change). When only parts changed that are none of ours, it reads again and continues.
   * @throws ServiceConflict when weights or state are no longer those of `view`.
   */
  commit(view: RouteView, commit: Commit, signal: AbortSignal): Promise<RouteView>;
}

/** What stands behind a version. */
export interface Fleet {
  readonly deployment: string;
  readonly desired: number;
  readonly ready: number;
  /** The Deployment's newest template runs everywhere and nothing else does. */
  readonly rolledOut: boolean;
  /** Addresses that serve according to EndpointSlices; undefined when no Service selects them yet. */
  readonly serving: number | undefined;
  /** Why it is not rolled out, or not ready, in Kubernetes' words. */
  readonly problem: string | undefined;
}

/** The versions' Deployments. Pod templates are never edited. */
export interface Workloads {
  fleet(deployment: string, signal: AbortSignal): Promise<Fleet>;
  /** Resolves when the API took it. @throws like Route.read */
  scale(deployment: string, replicas: number, signal: AbortSignal): Promise<void>;
}

/** Where traffic is shifted. */
export interface Provider {
  /** Whose weights the route reads and writes. */
  readonly versions: Pair;
  readonly route: Route;
  /** Undefined without Kubernetes. */
  readonly workloads: Workloads | undefined;
  close(): Promise<void>;
}

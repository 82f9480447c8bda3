import type { KubernetesClient } from '../../../clients/kubernetes/client.js';
import { INVALID } from '../../../clients/kubernetes/errors.js';
import {
  displayName,
  type JsonPatchOperation,
  type KubernetesObject,
  pointerPart,
  type Resource,
} from '../../../clients/kubernetes/resource.js';
import type { Clock } from '../../../core/clock.js';
import { ServiceConflict, ServiceUnavailable, UserError } from '../../../core/errors.js';
import type { LeaseStore } from '../../lease.js';
import {
  type Commit,
  type Route,
  type RouteChange,
  type RouteView,
  sameWeights,
  type Weights,
} from '../../route.js';
import type { Carrier } from './carrier.js';
import { objectDiff } from './object-diff.js';
import {
  givenBack,
  isOwnedByUs,
  joined,
  lastWriter,
  ownersOf,
  parseOwners,
  writerSince,
} from './ownership.js';

/** metrify's state on the routed object. */
export const STATE = 'metrify.dev/rollout';
/** Whose fields our last write took; there only until they are given back. */
export const OWNERS = 'metrify.dev/rollout-owners';

/** Attempts at one write, when parts of the object that are none of ours keep changing. */
const ATTEMPTS = 6;
const PAUSE_MS = 50;

/** A view, and the object that it is one of. */
interface ObjectView extends RouteView {
  readonly object: KubernetesObject;
}

/** A route that is one Kubernetes object, whose kind the carrier knows. */
export class ObjectRoute implements Route {
  readonly name: string;

  constructor(
    private readonly client: KubernetesClient,
    private readonly resource: Resource,
    private readonly carrier: Carrier,
    readonly leases: LeaseStore,
    private readonly clock: Clock,
  ) {
    this.name = displayName(resource);
  }

  async read(signal: AbortSignal): Promise<RouteView> {
    return this.#view(await this.#get(signal));
  }

  /** Weights that an object cannot express are never written. */
  shows(view: RouteView, weights: Weights): boolean {
    return sameWeights(view.weights, weights);
  }

  describe(view: RouteView, commit: Commit): RouteChange[] {
    const { object } = view as ObjectView;
    const weights = this.#weightOperations(object, commit.weights);
    const diff =
      weights.length > 0 ? { diff: objectDiff(this.name, object, weights, [STATE, OWNERS]) } : undefined;
    const changes: RouteChange[] = [{ object: this.name, patch: this.#patch(object, commit), ...diff }];
    if (weights.length > 0 || view.unfinished) {
      const owners = this.#owners(object).map(({ manager, operation }) => ({ manager, operation }));
      const fields = this.carrier.ownedAt.map((field) => field.slice(2));
      changes.push({ object: `${this.name} (managedFields)`, patch: { giveBack: fields, to: owners } });
    }
    return changes;
  }

  async commit(view: RouteView, commit: Commit, signal: AbortSignal): Promise<RouteView> {
    let { object } = view as ObjectView;
    for (let attempt = 1; ; attempt++) {
      try {
        object = await this.#write(object, this.#patch(object, commit), signal);
        return await this.#giveBack(object, signal);
      } catch (error) {
        if (!(error instanceof ServiceConflict)) throw error;
        object = await this.#get(signal);
        // Our own write, whose answer was lost.
        if (this.#holds(object, commit, view)) return this.#giveBack(object, signal);
        if (!this.#holds(object, { weights: view.weights, state: view.state }, view))
          throw this.#conflict(object, view);
        if (attempt === ATTEMPTS) throw this.#restless(object);
        await this.#pause(signal);
      }
    }
  }

  async #get(signal: AbortSignal): Promise<KubernetesObject> {
    const object = await this.client.get<KubernetesObject>(this.resource, signal);
    if (object) return object;
    throw noSuchRoute(this.resource, this.client.host);
  }

  /** @throws ServiceConflict when the object is no longer this one. */
  async #write(
    object: KubernetesObject,
    patch: readonly JsonPatchOperation[],
    signal: AbortSignal,
  ): Promise<KubernetesObject> {
    try {
      return await this.client.patch(this.resource, patch, signal);
    } catch (error) {
      // A patch is applied before its resourceVersion is compared: where its paths are gone, it does not get there.
      if (!(error instanceof UserError) || error.code !== INVALID) throw error;
      const { resourceVersion } = (await this.#get(signal)).metadata;
      if (resourceVersion === object.metadata.resourceVersion) throw error;
      throw new ServiceConflict(`${this.name} was changed meanwhile`, { cause: error });
    }
  }

  #view(object: KubernetesObject): ObjectView {
    const { annotations = {}, resourceVersion, managedFields = [] } = object.metadata;
    return {
      weights: this.carrier.weights(object),
      state: annotations[STATE],
      revision: resourceVersion,
      changedBy: lastWriter(managedFields, this.carrier.ownedAt)?.manager,
      unfinished: annotations[OWNERS] !== undefined || isOwnedByUs(managedFields, this.carrier.ownedAt),
      object,
    };
  }

  #patch(object: KubernetesObject, { weights, state }: Commit): JsonPatchOperation[] {
    const { annotations, resourceVersion } = object.metadata;
    const changed = this.#weightOperations(object, weights);
    const owners = this.#owners(object);
    return [
      // Not a `test`, which would fail as invalid: a resourceVersion that is not the object's is a conflict.
      { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
      ...(annotations ? [] : [{ op: 'add', path: '/metadata/annotations', value: {} } as const]),
      { op: 'add', path: annotationPath(STATE), value: state },
      ...(changed.length > 0 && owners.length > 0
        ? [{ op: 'add', path: annotationPath(OWNERS), value: JSON.stringify(owners) } as const]
        : []),
      ...changed,
    ];
  }

  #weightOperations(object: KubernetesObject, weights: Weights | undefined): JsonPatchOperation[] {
    return weights ? this.carrier.patch(object, weights) : [];
  }

  /** Who owned the weights before us; what a killed process noted down counts while we still hold them. */
  #owners({ metadata: { annotations = {}, managedFields = [] } }: KubernetesObject) {
    const now = ownersOf(managedFields, this.carrier.ownedAt);
    const note = annotations[OWNERS];
    return note !== undefined && isOwnedByUs(managedFields, this.carrier.ownedAt)
      ? joined(parseOwners(note, this.carrier.ownedAt), now)
      : now;
  }

  /**
   * The second request of a commit, which changes managedFields alone. The weights stand by now: when it fails, the
   * view says `unfinished`, and the next commit does it.
   */
  async #giveBack(object: KubernetesObject, signal: AbortSignal): Promise<RouteView> {
    for (let attempt = 1; ; attempt++) {
      const { annotations = {}, managedFields = [], resourceVersion } = object.metadata;
      const view = this.#view(object);
      if (!view.unfinished) return view;
      const fields = givenBack(managedFields, this.#owners(object), this.carrier.ownedAt);
      const patch: JsonPatchOperation[] = [
        { op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion },
        { op: 'replace', path: '/metadata/managedFields', value: fields },
        ...(annotations[OWNERS] === undefined
          ? []
          : [{ op: 'remove', path: annotationPath(OWNERS) } as const]),
      ];
      try {
        return this.#view(await this.#write(object, patch, signal));
      } catch (error) {
        if (error instanceof ServiceUnavailable || attempt === ATTEMPTS) return view;
        if (!(error instanceof ServiceConflict)) throw error;
        await this.#pause(signal);
        object = await this.#get(signal);
      }
    }
  }

  /** Whether weights and state stand there exactly so. */
  #holds(
    object: KubernetesObject,
    { weights, state }: { weights: Weights | undefined; state: string | undefined },
    view: RouteView,
  ): boolean {
    const { canary } = this.carrier.weights(object);
    return object.metadata.annotations?.[STATE] === state && canary === (weights ?? view.weights).canary;
  }

  #conflict(object: KubernetesObject, view: RouteView): ServiceConflict {
    const { annotations = {}, managedFields = [] } = object.metadata;
    const { canary } = this.carrier.weights(object);
    const moved = canary !== view.weights.canary;
    const at = moved ? this.carrier.ownedAt : ['f:metadata', 'f:annotations', `f:${STATE}`];
    const before = (view as ObjectView).object.metadata.managedFields ?? [];
    const last = writerSince(before, managedFields, at);
    const who = last
      ? `${last.manager}${last.time === undefined ? '' : ` at ${last.time}`}`
      : 'somebody else';
    const what = moved
      ? `the canary's weight is ${canary}% now, not ${view.weights.canary}%`
      : `metrify's state on it is ${annotations[STATE] === undefined ? 'gone' : 'another'}`;
    return new ServiceConflict(`${this.name} was changed by ${who} meanwhile: ${what}; nothing was written`, {
      hint: 'Look with the `status` command, then run this one again.',
    });
  }

  #restless({ metadata: { managedFields = [] } }: KubernetesObject): ServiceConflict {
    const last = lastWriter(managedFields, []);
    return new ServiceConflict(
      `${this.name} changes all the time (${last?.manager ?? 'somebody'} at ${last?.time ?? 'an unknown time'}): nothing was written in ${ATTEMPTS} attempts`,
      { hint: 'Run the same command again when that has stopped.' },
    );
  }

  #pause(signal: AbortSignal): Promise<void> {
    return this.clock.sleep(PAUSE_MS * (0.5 + Math.random()), signal);
  }
}

export function noSuchRoute(resource: Resource, host: string): UserError {
  const { group, resource: plural, namespace } = resource;
  return new UserError(`there is no ${displayName(resource)} in Kubernetes at ${host}`, {
    hint: `Check route: and namespace: in the rollout's file; \`kubectl get ${group ? `${plural}.${group}` : plural} -n ${namespace}\` lists them.`,
    code: 'NOT_FOUND',
  });
}

function annotationPath(name: string): string {
  return `/metadata/annotations/${pointerPart(name)}`;
}

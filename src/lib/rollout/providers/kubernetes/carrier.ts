import type { JsonPatchOperation, Kind, KubernetesObject } from '../../../clients/kubernetes/resource.js';
import type { RolloutSpec } from '../../spec.js';
import type { Weights } from '../../route.js';

/** What of the specification says where the weights are. */
export type RouteSpec = Pick<RolloutSpec, 'route' | 'versions' | 'label'>;

/** A kind of object that carries weights: where in it they are, and how they are written. */
export interface Carrier {
  readonly kind: Kind;
  /** Where `managedFields` says who owns the weights: `f:spec`, `f:http`. */
  readonly ownedAt: readonly string[];
  /** @throws UserError when the object does not name both versions, with what to add. */
  weights(object: KubernetesObject): Weights;
  /**
   * The operations that write these weights: none for those that stand there already.
   * @throws UserError when the object cannot express them.
   */
  patch(object: KubernetesObject, weights: Weights): JsonPatchOperation[];
}

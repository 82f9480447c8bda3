import type { KubernetesObject } from '../../../clients/kubernetes/resource.js';
import type { Fleet } from '../../route.js';

export interface Deployment extends KubernetesObject {
  readonly spec: {
    readonly replicas?: number;
    readonly paused?: boolean;
    readonly selector: LabelSelector;
    readonly template: { readonly metadata?: { readonly labels?: Readonly<Record<string, string>> } };
  };
  readonly status?: {
    readonly observedGeneration?: number;
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly readyReplicas?: number;
    readonly availableReplicas?: number;
    readonly conditions?: readonly Condition[];
  };
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/** As a query's `labelSelector` has it. */
export function selectorText({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  return [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(({ key, operator, values = [] }) => {
      if (operator === 'Exists') return key;
      if (operator === 'DoesNotExist') return `!${key}`;
      return `${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`;
    }),
  ].join(',');
}

/**
 * How far a Deployment is, by the rules of `kubectl rollout status`.
 * @param mustHave a label that its pods need for the route to find them: `[key, value]`.
 */
export function fleetOf(
  deployment: Deployment,
  serving: number | undefined,
  mustHave: readonly [string, string] | undefined,
): Fleet {
  const { spec, status = {} } = deployment;
  const problem = rolloutProblem(deployment) ?? missingLabel(deployment, mustHave);
  const desired = spec.replicas ?? 1;
  const ready = status.readyReplicas ?? 0;
  return {
    deployment: deployment.metadata.name,
    desired,
    ready,
    rolledOut: problem === undefined,
    serving,
    problem: problem ?? (ready < desired ? `${ready} of ${desired} replicas are ready` : undefined),
  };
}

/** Undefined when it is rolled out. */
function rolloutProblem({ metadata, spec, status = {} }: Deployment): string | undefined {
  const desired = spec.replicas ?? 1;
  const { replicas = 0, updatedReplicas = 0, availableReplicas = 0, conditions = [] } = status;
  const unfinished =
    (status.observedGeneration ?? 0) < (metadata.generation ?? 0)
      ? 'the Deployment controller has not seen its newest version yet'
      : updatedReplicas < desired
        ? `${updatedReplicas} of ${desired} replicas are updated`
        : replicas > updatedReplicas
          ? `${replicas - updatedReplicas} old replicas are still there`
          : availableReplicas < updatedReplicas
            ? `${availableReplicas} of ${updatedReplicas} updated replicas are available`
            : undefined;
  if (unfinished === undefined) return undefined;
  const failed =
    conditions.find(({ type, status: is }) => type === 'ReplicaFailure' && is === 'True') ??
    conditions.find(({ type, status: is }) => type === 'Progressing' && is === 'False');
  const why = spec.paused === true ? 'the Deployment is paused' : (failed?.message ?? failed?.reason);
  return why === undefined ? unfinished : `${unfinished}: ${why}`;
}

function missingLabel(
  { spec }: Deployment,
  mustHave: readonly [string, string] | undefined,
): string | undefined {
  if (!mustHave) return undefined;
  const [key, value] = mustHave;
  const has = spec.template.metadata?.labels?.[key];
  if (has === value) return undefined;
  return `its pods have ${has === undefined ? `no label ${key}` : `${key}=${has}`}, not ${key}=${value}: the Service would not find them`;
}

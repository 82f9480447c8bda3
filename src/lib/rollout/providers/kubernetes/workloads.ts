import type { KubernetesClient } from '../../../clients/kubernetes/client.js';
import {
  displayName,
  type Kind,
  type KubernetesObject,
  type Resource,
} from '../../../clients/kubernetes/resource.js';
import { UserError } from '../../../core/errors.js';
import type { Fleet, Workloads } from '../../route.js';
import type { RolloutSpec } from '../../spec.js';
import { type Deployment, fleetOf, selectorText } from './deployment.js';
import { type EndpointSlice, servingPods } from './serving.js';

const deployments: Kind = { group: 'apps', version: 'v1', resource: 'deployments', kind: 'Deployment' };
const pods: Kind = { group: '', version: 'v1', resource: 'pods', kind: 'Pod' };
const endpointSlices: Kind = {
  group: 'discovery.k8s.io',
  version: 'v1',
  resource: 'endpointslices',
  kind: 'EndpointSlice',
};

/** The versions' Deployments in one namespace. */
export class DeploymentWorkloads implements Workloads {
  constructor(
    private readonly client: KubernetesClient,
    private readonly namespace: string,
    private readonly spec: Pick<RolloutSpec, 'provider' | 'versions' | 'label'>,
  ) {}

  async fleet(name: string, signal: AbortSignal): Promise<Fleet> {
    const resource: Resource = { ...deployments, namespace: this.namespace, name };
    const deployment = await this.client.get<Deployment>(resource, signal);
    if (!deployment)
      throw new UserError(`there is no ${displayName(resource)} in Kubernetes at ${this.client.host}`, {
        hint: "Check deployment: and namespace: in the rollout's file.",
        code: 'NOT_FOUND',
      });
    const [owned, slices] = await Promise.all([
      this.client.list<KubernetesObject>(
        { ...pods, namespace: this.namespace },
        selectorText(deployment.spec.selector),
        signal,
      ),
      this.client.list<EndpointSlice>({ ...endpointSlices, namespace: this.namespace }, undefined, signal),
    ]);
    const label = this.#label(name);
    const names = owned
      .filter(({ metadata }) => !label || metadata.labels?.[label[0]] === label[1])
      .map(({ metadata }) => metadata.name);
    return fleetOf(deployment, servingPods(slices, new Set(names)), label);
  }

  async scale(name: string, replicas: number, signal: AbortSignal): Promise<void> {
    const resource: Resource = { ...deployments, namespace: this.namespace, name, subresource: 'scale' };
    await this.client.merge(resource, { spec: { replicas } }, signal);
  }

  /** With a selector that is switched, the version's name is the label's value; elsewhere it names something else. */
  #label(deployment: string): [string, string] | undefined {
    const { provider, versions, label } = this.spec;
    const version = Object.values(versions).find((one) => one.deployment === deployment);
    return provider === 'service' && version ? [label, version.name] : undefined;
  }
}

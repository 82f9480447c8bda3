import { beforeAll, expect, test } from 'vitest';

import type { KubernetesClient } from '../../../src/lib/clients/kubernetes/client.js';
import { ServiceConflict } from '../../../src/lib/core/errors.js';
import type { LeaseRecord } from '../../../src/lib/rollout/lease.js';
import type { Provider } from '../../../src/lib/rollout/route.js';
import { service } from '../../servers/kubernetes/objects.js';
import type { OwnNamespace } from '../../servers/kubernetes/own-namespace.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { ownNamespace } from '../../servers/shared.js';
import { type ApiProxy, startApiProxy } from './kubernetes-proxy.js';
import { EXAMPLES, open, openProvider, signal } from './kubernetes-routes.js';

needs(
  'kubernetes',
  'envoy',
  'prometheus',
)('behind the versions', () => {
  const [example, , , byLabel] = EXAMPLES;
  const patience = { timeoutMs: 60_000 };
  let own: OwnNamespace;
  let client: KubernetesClient;
  let provider: Provider;
  const fleet = (name: string) => provider.workloads!.fleet(name, signal);
  const kubectlSays = (name: string) =>
    own.kubectl('rollout', 'status', `deployment/${name}`, '--watch=false');
  /** kubectl's own count of addresses. */
  const addresses = async (name: string) =>
    (
      await own.kubectl(
        ...['get', 'endpointslices', '-l', `kubernetes.io/service-name=${name}`],
        ...['-o', 'jsonpath={range .items[*].endpoints[?(@.conditions.ready==true)]}{.targetRef.name} {end}'],
      )
    )
      .split(' ')
      .filter(Boolean).length;

  beforeAll(async () => {
    own = await ownNamespace();
    client = await open(own.kubeconfig);
    provider = await openProvider(example!, client);
    await Promise.all([
      own.deploy({ version: 'v1', replicas: 3 }),
      own.deploy({ version: 'v2', replicas: 2 }),
    ]);
    return () => client.close();
  });

  test('a Deployment is as kubectl says, and serves where a Service selects it', async () => {
    expect(await fleet('web-v1')).toEqual({
      deployment: 'web-v1',
      desired: 3,
      ready: 3,
      rolledOut: true,
      serving: undefined,
      problem: undefined,
    });
    expect(await kubectlSays('web-v1')).toContain('successfully rolled out');
    await own.apply(service('web', { app: 'web' }), service('web-v2', { app: 'web', version: 'v2' }));
    await until(
      'the slices have all pods',
      async () => (await addresses('web')) === 5 && (await addresses('web-v2')) === 2,
      patience,
    );
    expect(await fleet('web-v1')).toMatchObject({ serving: 3 });
    expect(await fleet('web-v2')).toMatchObject({ serving: 2 });
  });

  test('pods that are not ready do not serve', async () => {
    await own.setBehaviour('v2', { ready: false });
    await until(
      'no pod of v2 serves',
      async () => (await addresses('web-v2')) === 0 && (await addresses('web')) === 3,
      patience,
    );
    await until('the Deployment says so', async () => (await fleet('web-v2')).ready === 0, patience);
    expect(await fleet('web-v2')).toMatchObject({ ready: 0, serving: 0, rolledOut: false });
    expect((await fleet('web-v2')).problem).toContain('0 of 2 updated replicas are available');
    expect(await kubectlSays('web-v2')).toContain('0 of 2 updated replicas are available');
    await own.setBehaviour('v2', { ready: null });
    await own.rolledOut('web-v2');
  });

  test('scaling goes through the scale subresource and leaves the template alone', async () => {
    const before = (await own.get('apps/v1', 'Deployment', 'web-v2')).spec;
    await provider.workloads!.scale('web-v2', 4, signal);
    expect((await fleet('web-v2')).desired).toBe(4);
    await own.rolledOut('web-v2');
    expect((await own.get('apps/v1', 'Deployment', 'web-v2')).spec).toEqual({ ...before, replicas: 4 });
    await until('all serve', async () => (await fleet('web-v2')).serving === 4, patience);
    await provider.workloads!.scale('web-v2', 0, signal);
    await until('none is left', async () => (await addresses('web-v2')) === 0, patience);
    await own.rolledOut('web-v2');
    expect(await fleet('web-v2')).toMatchObject({
      desired: 0,
      ready: 0,
      rolledOut: true,
    });
    const gone = async () => (await fleet('web-v2')).serving === undefined;
    await until('no Service knows it', gone, patience);
    await expect(provider.workloads!.scale('web-v9', 1, signal)).rejects.toThrow(
      `Deployment ${own.name}/web-v9 does not exist`,
    );
    await expect(fleet('web-v9')).rejects.toThrow(`there is no Deployment ${own.name}/web-v9`);
  });

  test('a rollout that hangs is told in the words of Kubernetes', async () => {
    await own.deploy({ app: 'stuck', version: 'v1', replicas: 1 });
    await own.kubectl('rollout', 'pause', 'deployment/stuck-v1');
    await own.kubectl('set', 'image', 'deployment/stuck-v1', 'web=web:next');
    await until(
      'the controller has seen it',
      async () => /paused/.test((await fleet('stuck-v1')).problem ?? ''),
      patience,
    );
    expect(await fleet('stuck-v1')).toMatchObject({
      rolledOut: false,
      ready: 1,
      problem: '0 of 1 replicas are updated: the Deployment is paused',
    });

    await own.kubectl('create', 'quota', 'none', '--hard=pods=0');
    await own.apply({
      ...(await own.get('apps/v1', 'Deployment', 'web-v1')),
      metadata: { name: 'barred', labels: {} },
      status: undefined,
      spec: {
        replicas: 1,
        selector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['barred', 'other'] }] },
        template: {
          metadata: { labels: { app: 'barred' } },
          spec: { containers: [{ name: 'web', image: 'web' }] },
        },
      },
    });
    await until('it is refused', async () => /quota/.test((await fleet('barred')).problem ?? ''), patience);
    expect(await fleet('barred')).toMatchObject({ rolledOut: false, ready: 0, serving: undefined });
    await own.kubectl('delete', 'quota', 'none');
  });

  test('a selector that is switched must find the label on the pods', async () => {
    const labelled = await openProvider({ ...byLabel!, versions: ['v1', 'green'] }, client);
    expect(await labelled.workloads!.fleet('web-v1', signal)).toMatchObject({ rolledOut: true, serving: 3 });
    const error = await labelled.workloads!.fleet('web-v2', signal);
    expect(error).toMatchObject({ rolledOut: false, serving: undefined });
    expect(error.problem).toContain('version=v2, not version=green');
  });

  test('the lease is a Lease as kubectl sees it, on the server’s clock', async () => {
    const { leases } = provider.route;
    expect(leases.name).toBe(`Lease ${own.name}/metrify-virtualservice-web`);
    expect(await leases.read(signal)).toEqual({ record: undefined, version: undefined });
    expect(Math.abs(leases.now() - Date.now())).toBeLessThan(15_000);
    const record: LeaseRecord = {
      holder: 'ann@build-7 (4711)',
      acquiredAt: 1_790_000_000_123,
      renewedAt: 1_790_000_005_000,
      durationMs: 15_000,
      transitions: 3,
    };
    const version = await leases.write(record, undefined, signal);
    expect(await leases.read(signal)).toEqual({ record, version });
    const seen = await own.kubectl('get', 'lease', 'metrify-virtualservice-web', '-o', 'jsonpath={.spec}');
    expect(JSON.parse(seen)).toEqual({
      holderIdentity: record.holder,
      acquireTime: '2026-09-21T14:13:20.123000Z',
      renewTime: '2026-09-21T14:13:25.000000Z',
      leaseDurationSeconds: 15,
      leaseTransitions: 3,
    });

    await own.kubectl('label', 'lease', 'metrify-virtualservice-web', 'team=metering');
    const other = { ...record, holder: 'bob' };
    await expect(leases.write(other, version, signal)).rejects.toBeInstanceOf(ServiceConflict);
    await expect(leases.write(other, undefined, signal)).rejects.toBeInstanceOf(ServiceConflict);
    const { version: newer } = await leases.read(signal);
    await leases.write({ ...record, holder: '' }, newer, signal);
    expect((await leases.read(signal)).record).toEqual({ ...record, holder: '' });
    const label = ['get', 'lease', 'metrify-virtualservice-web', '-o', 'jsonpath={.metadata.labels.team}'];
    expect(await own.kubectl(...label)).toBe('metering');
  });

  test('a lease whose answer was lost is held all the same', async () => {
    const proxy: ApiProxy = await startApiProxy(own.kubeconfig);
    const proxied = await open(proxy.kubeconfig);
    const { leases } = (await openProvider(byLabel!, proxied)).route;
    try {
      const { version } = await leases.read(signal);
      const record: LeaseRecord = {
        holder: 'ann',
        acquiredAt: 1000,
        renewedAt: 2000,
        durationMs: 15_000,
        transitions: 0,
      };
      proxy.breakAfter(0);
      const created = await leases.write(record, version, signal);
      proxy.breakAfter(0);
      const renewed = await leases.write({ ...record, renewedAt: 3000 }, created, signal);
      expect(await leases.read(signal)).toEqual({ record: { ...record, renewedAt: 3000 }, version: renewed });
    } finally {
      proxied.close();
      await proxy.close();
    }
  });
});

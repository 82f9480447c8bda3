import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { beforeAll, expect, test } from 'vitest';

import { destinationRule, httpRoute, service, virtualService } from '../servers/kubernetes/objects.js';
import type { OwnNamespace } from '../servers/kubernetes/own-namespace.js';
import { needs } from '../servers/needs.js';
import { until } from '../servers/ports.js';
import { ownNamespace } from '../servers/shared.js';
import { startTraffic, type TrafficReport } from '../servers/traffic.js';

const share = ({ versions, sent }: TrafficReport, version: string): number => (versions[version] ?? 0) / sent;

needs(
  'kubernetes',
  'envoy',
  'prometheus',
)('The Kubernetes stack', () => {
  let own: OwnNamespace;

  beforeAll(async () => {
    own = await ownNamespace();
    await own.apply(service('web', { app: 'web' }));
    await Promise.all(
      ['v1', 'v2'].map(async (version) => {
        await own.apply(service(`web-${version}`, { app: 'web', version }));
        await own.deploy({ version });
      }),
    );
    await own.apply(
      destinationRule('web', own.name, ['v1', 'v2']),
      virtualService('web', own.name, own.host('istio'), { v1: 75, v2: 25 }),
      httpRoute('web', own.host('gateway'), { v1: 70, v2: 30 }),
    );
  });

  const answers = (gateway: string, host: string): Promise<void> =>
    until('the route is live', async () => {
      const traffic = await startTraffic({ url: `http://${gateway}/`, host, rate: 20, durationMs: 200 });
      return (await traffic.finished).failed === 0;
    });

  test('pods are ready, have addresses and answer', async () => {
    const pods = await own.pods({ app: 'web' });
    expect(pods).toHaveLength(4);
    for (const { metadata, status } of pods) {
      const answer = await fetch(`http://${status.podIP}:8080/`);
      expect(await answer.text()).toBe(`${metadata.labels.version} ${metadata.name}\n`);
    }
    const wanted = pods.map(({ status }) => status.podIP).sort();
    // The controller of the EndpointSlices comes after the pods.
    await until('the EndpointSlices have every pod', async () => {
      const label = 'kubernetes.io/service-name=web';
      const slices = await own.kubectl('get', 'endpointslices', '-l', label, '-o', 'json');
      const addresses = JSON.parse(slices).items.flatMap(
        ({ endpoints }: { endpoints: { addresses: string[] }[] | null }) =>
          (endpoints ?? []).flatMap((endpoint) => endpoint.addresses),
      );
      return JSON.stringify(addresses.sort()) === JSON.stringify(wanted);
    });
  });

  test.each([
    ['VirtualService', 'istioGateway', 'istio', 0.25],
    ['HTTPRoute', 'gatewayApi', 'gateway', 0.3],
  ] as const)('a %s splits the traffic by its weights', async (_kind, gateway, host, weight) => {
    const place = own.stack[gateway];
    await answers(place, own.host(host));
    const traffic = await startTraffic({
      url: `http://${place}/`,
      host: own.host(host),
      rate: 500,
      durationMs: 4_000,
    });
    const report = await traffic.finished;
    expect(report.failures).toEqual({});
    expect(report.sent).toBe(2_000);
    // Five standard deviations of 2,000 draws.
    expect(Math.abs(share(report, 'v2') - weight)).toBeLessThan(
      5 * Math.sqrt((weight * (1 - weight)) / 2_000),
    );
  });

  test('no request fails while pods are replaced and a selector is switched', async () => {
    const app = 'rolling';
    await own.apply(service(app, { app, version: 'v1' }), service(`${app}-v1`, { app, version: 'v1' }));
    await Promise.all(['v1', 'v2'].map((version) => own.deploy({ app, version })));
    await own.apply(httpRoute(app, own.host(app), { v1: 1 }));
    await answers(own.stack.gatewayApi, own.host(app));
    const { connection, name } = own;
    const streams = await Promise.all([
      startTraffic({ service: { connection, namespace: name, name: app }, rate: 250 }),
      startTraffic({ url: `http://${own.stack.gatewayApi}/`, host: own.host(app), rate: 250 }),
    ]);
    await own.kubectl('rollout', 'restart', `deployment/${app}-v1`);
    await own.rolledOut(`${app}-v1`);
    await own.kubectl('set', 'selector', `service/${app}`, `app=${app},version=v2`);
    await until('the Service has switched', async () => (await streams[0]!.snapshot()).versions['v2']! > 100);
    // Longer than a pod takes to end.
    await delay(6_500);
    const reports = await Promise.all(streams.map((stream) => stream.stop()));
    expect(reports.map(({ failures }) => failures)).toEqual([{}, {}]);
    expect(reports.map(({ outstanding }) => outstanding)).toEqual([0, 0]);
    expect(reports[1]!.versions).toEqual({ v1: reports[1]!.sent });
  });

  test('Prometheus sees what the pods did, and Envoy', async () => {
    await own.deploy({ app: 'counted', version: 'v1', replicas: 1 });
    await own.apply(service('counted-v1', { app: 'counted', version: 'v1' }));
    await own.apply(httpRoute('counted', own.host('counted'), { v1: 1 }));
    await answers(own.stack.gatewayApi, own.host('counted'));
    const url = `http://${own.stack.gatewayApi}/`;
    const [pod] = await own.pods({ app: 'counted' });
    await own.kubectl('annotate', 'pod', pod.metadata.name, 'test/restart=once');
    await until('the restart is reported', async () => {
      const [{ status }] = await own.pods({ app: 'counted' });
      return status.containerStatuses[0].restartCount === 1;
    });
    const traffic = await startTraffic({ url, host: own.host('counted'), rate: 100, durationMs: 1_000 });
    expect((await traffic.finished).failures).toEqual({});
    await own.scraped();
    const sum = async (expression: string): Promise<number> =>
      (await own.promQuery(`sum(${expression})`))[0]?.value ?? 0;
    const labels = `namespace="${own.name}",app="counted",version="v1"`;
    await until(
      'the counter is there',
      async () => (await sum(`http_requests_total{${labels},code="200"}`)) === 100,
    );
    expect(await sum(`http_request_duration_seconds_bucket{${labels},le="+Inf"}`)).toBe(100);
    expect(await sum(`http_request_duration_seconds_bucket{${labels},le="10"}`)).toBe(100);
    const cluster = `outbound|80||counted-v1.${own.name}.svc.cluster.local`;
    const ofEnvoy = () => sum(`envoy_cluster_upstream_rq_total{envoy_cluster_name="${cluster}"}`);
    await until('Envoy was scraped as well', async () => (await ofEnvoy()) >= 100);
  });

  test('a version behaves as it is told', async () => {
    await own.apply(service('sick', { app: 'sick' }));
    await own.deploy({ app: 'sick', version: 'v9', errors: 0.5, replicas: 1 });
    const { connection, name } = own;
    const ask = async (): Promise<TrafficReport> =>
      (
        await startTraffic({
          service: { connection, namespace: name, name: 'sick' },
          rate: 200,
          durationMs: 1_000,
        })
      ).finished;
    const sick = (await ask()).failures['status 500 of v9']!;
    expect(sick).toBeGreaterThan(60);
    expect(sick).toBeLessThan(140);

    await own.setBehaviour('v9', { errors: null, latencyMs: 200, metrics: false, health: false });
    const [pod] = await own.pods({ version: 'v9' });
    const status = async (path: string): Promise<number> =>
      (await fetch(`http://${pod.status.podIP}:8080${path}`)).status;
    await until('it is told', async () => (await status('/metrics')) === 404);
    expect(await status('/healthz')).toBe(503);
    const slow = await ask();
    expect(slow.failures).toEqual({});
    expect(slow.latencyMs.p50).toBeGreaterThan(100);

    await own.setBehaviour('v9', { ready: false, metrics: null });
    const sickDeployment = (): Promise<{ status: { readyReplicas?: number } }> =>
      own.get('apps/v1', 'Deployment', 'sick-v9');
    await until('it is not ready', async () => !(await sickDeployment()).status.readyReplicas);
    expect(await status('/metrics')).toBe(200);
  });

  test('a service account may do what its Role says, and nothing else', async () => {
    const kubeconfig = await own.serviceAccountKubeconfig('reader', [
      { apiGroups: [''], resources: ['services'], verbs: ['get'] },
    ]);
    expect(await own.kubectl('--kubeconfig', kubeconfig, 'get', 'service', 'web', '-o', 'name')).toBe(
      'service/web\n',
    );
    await expect(own.kubectl('--kubeconfig', kubeconfig, 'get', 'pods')).rejects.toThrow(/pods is forbidden/);
    await expect(own.kubectl('--kubeconfig', kubeconfig, 'get', 'service', '-n', 'default')).rejects.toThrow(
      /forbidden/,
    );
  });
});

needs(
  'kubernetes',
  'envoy',
  'prometheus',
)('A cluster of its own', () => {
  test('leaves no process, no namespace and no folder when its owner is killed', async () => {
    const script = `import { startKubernetes } from './test/servers/kubernetes.ts';
      const { stack } = await startKubernetes();
      process.stdout.write(JSON.stringify([stack.directory, stack.network]));
      setInterval(() => {}, 1000);`;
    const owner = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script]);
    const [data] = (await once(owner.stdout, 'data')) as [Buffer];
    const [directory, network] = JSON.parse(data.toString()) as [string, string];
    expect(existsSync(`/run/netns/${network}`)).toBe(true);
    owner.kill('SIGKILL');
    await until('everything is gone', () => !existsSync(directory) && !existsSync(`/run/netns/${network}`), {
      timeoutMs: 60_000,
    });
    const left = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n');
    expect(left.filter((line) => line.includes(directory))).toEqual([]);
  });
});

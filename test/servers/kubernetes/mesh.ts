import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { parseAllDocuments } from 'yaml';

import { envoyProgram, kubernetesFolder } from '../cache-folder.js';
import { until } from '../ports.js';
import type { Api, KubernetesObject } from './api.js';
import { listens, type ControlPlane, type Launcher } from './control-plane.js';
import { describeBootstrap } from './envoy-bootstrap.js';
import type { Network } from './network.js';

export interface Mesh {
  readonly istioGateway: string;
  readonly gatewayApi: string;
  readonly envoyAdmin: string;
}

const SYSTEM = 'istio-system';
const ISTIO_PORT = 18_080;
const GATEWAY_API_PORT = 18_081;
const TIMEOUT_MS = 120_000;

const ISTIOD_ENVIRONMENT = {
  POD_NAMESPACE: SYSTEM,
  POD_NAME: 'istiod-0',
  CLUSTER_ID: 'Kubernetes',
  REVISION: 'default',
  // An Envoy that is no istio-proxy lacks these filters.
  PILOT_ENABLE_METADATA_EXCHANGE: 'false',
  PILOT_ENABLE_ALPN_FILTER: 'false',
  // The gateway is ours; nothing is to be deployed for it.
  PILOT_ENABLE_GATEWAY_API_DEPLOYMENT_CONTROLLER: 'false',
  ENABLE_LEADER_ELECTION: 'false',
  ENABLE_CA_SERVER: 'false',
  INJECT_ENABLED: 'false',
  JWT_POLICY: 'none',
};

const MESH = {
  defaultConfig: { discoveryAddress: '127.0.0.1:15010' },
  enablePrometheusMerge: false,
  enableAutoMtls: false,
  trustDomain: 'cluster.local',
  rootNamespace: SYSTEM,
};

/** Istio's and the Gateway API's definitions; ready to be used when it returns. */
export async function installDefinitions(api: Api): Promise<void> {
  const objects: KubernetesObject[] = [];
  for (const name of ['crds-istio.yaml', 'crds-gateway-api.yaml']) {
    const text = await readFile(join(kubernetesFolder(), name), 'utf8');
    objects.push(...parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject));
  }
  const definitions = objects.filter((object) => object?.kind === 'CustomResourceDefinition');
  const path = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  await Promise.all(definitions.map((definition) => api.request('POST', path, definition)));
  await until(
    'the definitions are established',
    async () => {
      const { items } = await api.request('GET', path);
      const isEstablished = ({ status }: KubernetesObject): boolean =>
        (status.conditions ?? []).some(
          ({ type, status: is }: { type: string; status: string }) => type === 'Established' && is === 'True',
        );
      return items.filter(isEstablished).length >= definitions.length;
    },
    { timeoutMs: TIMEOUT_MS, everyMs: 100 },
  );
}

/** istiod and one Envoy, the gateway of every VirtualService and HTTPRoute. */
export async function startMesh(
  { address, nodeAddress }: Network,
  directory: string,
  start: Launcher,
  { api, kubeconfig }: ControlPlane,
): Promise<Mesh> {
  for (const object of gatewayObjects()) await api.apply(object);
  await writeFile(join(directory, 'mesh.json'), JSON.stringify(MESH));
  await start(
    join(kubernetesFolder(), 'pilot-discovery'),
    [
      ...['discovery', `--kubeconfig=${kubeconfig}`, `--meshConfig=${join(directory, 'mesh.json')}`],
      ...[`--networksConfig=${join(directory, 'none')}`, '--clusterID=Kubernetes'],
      ...['--grpcAddr=127.0.0.1:15010', '--secureGRPCAddr=', '--httpsAddr=', `--httpAddr=${address}:15080`],
      ...['--monitoringAddr=127.0.0.1:15014', '--log_output_level=default:warn'],
      '--keepaliveMaxServerConnectionAge=10h',
    ],
    {
      env: { ...process.env, ...ISTIOD_ENVIRONMENT },
      startTimeoutMs: TIMEOUT_MS,
      async ready() {
        const answer = await fetch(`http://${address}:15080/ready`).catch(() => undefined);
        return answer?.ok ?? false;
      },
    },
  );
  let pod: KubernetesObject;
  await until(
    'the pod that stands for the gateway has its address',
    async () => {
      pod = await api.request('GET', `/api/v1/namespaces/${SYSTEM}/pods/gateway`);
      return Boolean(pod.status.podIP);
    },
    { timeoutMs: TIMEOUT_MS },
  );
  const bootstrap = join(directory, 'envoy.json');
  await writeFile(
    bootstrap,
    JSON.stringify(
      describeBootstrap({ admin: address, pod: pod.status.podIP ?? nodeAddress, system: SYSTEM }),
    ),
  );
  await start(
    envoyProgram(),
    ['-c', bootstrap, '--disable-hot-restart', '--log-level', 'warn', '--concurrency', '1'],
    {
      startTimeoutMs: TIMEOUT_MS,
      ready: async () => (await listens(address, ISTIO_PORT)) && (await listens(address, GATEWAY_API_PORT)),
    },
  );
  return {
    istioGateway: `${address}:${ISTIO_PORT}`,
    gatewayApi: `${address}:${GATEWAY_API_PORT}`,
    envoyAdmin: `http://${address}:15000`,
  };
}

function gatewayObjects(): KubernetesObject[] {
  const labels = { istio: 'ingressgateway' };
  const metadata = (name: string): object => ({ name, namespace: SYSTEM });
  const ports = [ISTIO_PORT, GATEWAY_API_PORT].map((port) => ({ name: `http-${port}`, port }));
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SYSTEM } },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata('gateway'), labels },
      spec: {
        nodeName: 'node-1',
        automountServiceAccountToken: false,
        containers: [{ name: 'envoy', image: 'envoy' }],
      },
    },
    { apiVersion: 'v1', kind: 'Service', metadata: metadata('gateway'), spec: { selector: labels, ports } },
    {
      apiVersion: 'networking.istio.io/v1',
      kind: 'Gateway',
      metadata: metadata('gateway'),
      spec: {
        selector: labels,
        servers: [{ port: { number: ISTIO_PORT, name: 'http', protocol: 'HTTP' }, hosts: ['*'] }],
      },
    },
    {
      apiVersion: 'gateway.networking.k8s.io/v1',
      kind: 'Gateway',
      metadata: metadata('gateway-api'),
      spec: {
        gatewayClassName: 'istio',
        addresses: [{ type: 'Hostname', value: `gateway.${SYSTEM}.svc.cluster.local` }],
        listeners: [
          {
            name: 'http',
            port: GATEWAY_API_PORT,
            protocol: 'HTTP',
            allowedRoutes: { namespaces: { from: 'All' } },
          },
        ],
      },
    },
  ];
}

import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { parseAllDocuments } from 'yaml';

import { kubernetesFolder } from '../cache-folder.js';
import { until } from '../ports.js';
import type { LaunchOptions, ServerProcess } from '../process.js';
import { connectApi, type Api, type Connection, type KubernetesObject } from './api.js';
import { describeKubeconfig } from './kubeconfig.js';
import type { Network } from './network.js';

/** Starts a program inside the network; the network's guard removes the folder. */
export type Launcher = (
  program: string,
  args: readonly string[],
  options?: Partial<LaunchOptions>,
) => Promise<ServerProcess>;

export interface ControlPlane {
  readonly api: Api;
  readonly connection: Connection;
  readonly kubeconfig: string;
}

const START_TIMEOUT_MS = 120_000;
const NODES = ['node-1', 'node-2'];

/** Whether somebody listens there. */
export function listens(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(1_000, () => finish(false));
    socket.once('connect', () => finish(true));
    socket.once('error', () => finish(false));
  });
}

/** etcd, kube-apiserver, kube-controller-manager, kube-scheduler and kwok with two nodes. */
export async function startControlPlane(
  network: Network,
  directory: string,
  start: Launcher,
): Promise<ControlPlane> {
  const { address } = network;
  const binary = (name: string): string => join(kubernetesFolder(), name);
  const file = (name: string): string => join(directory, name);
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  await writeFile(file('sa.key'), privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 });
  const token = randomBytes(16).toString('hex');
  await writeFile(file('tokens.csv'), `${token},admin,admin,system:masters\n`, { mode: 0o600 });

  const [client, peer] = [`http://${address}:2379`, `http://${address}:2380`];
  await start(
    binary('etcd'),
    [
      ...['--name=test', `--data-dir=${file('etcd')}`, '--unsafe-no-fsync', `--initial-cluster=test=${peer}`],
      ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
      ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`],
    ],
    { ready: () => listens(address, 2379) },
  );
  const server = `https://${address}:6443`;
  let connection: Connection | undefined;
  await start(
    binary('kube-apiserver'),
    [
      ...[`--etcd-servers=${client}`, `--bind-address=${address}`, `--advertise-address=${address}`],
      ...['--secure-port=6443', `--cert-dir=${file('certificates')}`, '--endpoint-reconciler-type=none'],
      ...['--service-cluster-ip-range=10.96.0.0/16', '--authorization-mode=RBAC', '--profiling=false'],
      ...[
        `--token-auth-file=${file('tokens.csv')}`,
        '--service-account-issuer=https://kubernetes.default.svc',
      ],
      `--service-account-key-file=${file('sa.key')}`,
      `--service-account-signing-key-file=${file('sa.key')}`,
    ],
    {
      startTimeoutMs: START_TIMEOUT_MS,
      async ready() {
        try {
          const ca = await readFile(file('certificates/apiserver.crt'), 'utf8');
          connection = { server, ca, token };
          await connectApi(connection).request('GET', '/readyz');
          return true;
        } catch {
          return false;
        }
      },
    },
  );
  const kubeconfig = file('kubeconfig');
  await writeFile(kubeconfig, describeKubeconfig(connection!), { mode: 0o600 });
  await writeFile(file('stages.yaml'), await readStages());

  const api = connectApi(connection!);
  const at = `--kubeconfig=${kubeconfig}`;
  const ready = (): Promise<boolean> => Promise.resolve(true);
  const alone = [at, '--leader-elect=false', '--bind-address=127.0.0.1'];
  await Promise.all([
    start(
      binary('kube-controller-manager'),
      [
        ...[...alone, `--service-account-private-key-file=${file('sa.key')}`, '--secure-port=0'],
        ...[`--root-ca-file=${file('certificates/apiserver.crt')}`, '--allocate-node-cidrs'],
        ...[`--cluster-cidr=${network.podCidr}`, '--node-cidr-mask-size=18', '--kube-api-qps=200'],
        ...['--kube-api-burst=400', '--service-cluster-ip-range=10.96.0.0/16'],
        // kwok renews the nodes' leases late on a busy machine; a node that is taken for dead makes its pods unready.
        '--node-monitor-grace-period=24h',
      ],
      { ready },
    ),
    start(binary('kube-scheduler'), [...alone, '--secure-port=0'], { ready }),
    start(
      binary('kwok'),
      [
        ...[
          at,
          '--manage-all-nodes=true',
          `--node-ip=${network.nodeAddress}`,
          `--config=${file('stages.yaml')}`,
        ],
        ...[`--cidr=${network.podCidr}`, '--node-lease-duration-seconds=600'],
      ],
      { ready },
    ),
  ]);
  await Promise.all(NODES.map((name) => api.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name } })));
  await until(
    'every node is ready and has addresses for pods',
    async () => {
      const { items } = await api.request('GET', '/api/v1/nodes');
      const isReady = ({ spec, status }: KubernetesObject): boolean =>
        Boolean(spec.podCIDR) &&
        (status.conditions ?? []).some(
          ({ type, status: is }: { type: string; status: string }) => type === 'Ready' && is === 'True',
        );
      return items.filter(isReady).length === NODES.length;
    },
    { timeoutMs: START_TIMEOUT_MS, everyMs: 50 },
  );
  return { api, connection: connection!, kubeconfig };
}

/** kwok's own stages, except for how a pod starts and ends. */
async function readStages(): Promise<string> {
  const theirs = await readFile(join(kubernetesFolder(), 'kwok-stages.yaml'), 'utf8');
  const ours = await readFile(fileURLToPath(new URL('./stages.yaml', import.meta.url)), 'utf8');
  const kept = parseAllDocuments(theirs)
    .map((document) => document.toJS() as KubernetesObject)
    .filter((stage) => stage && !['pod-ready', 'pod-delete'].includes(stage.metadata.name));
  return [...kept.map((stage) => JSON.stringify(stage)), ours].join('\n---\n');
}

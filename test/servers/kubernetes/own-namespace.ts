import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { kubernetesFolder } from '../cache-folder.js';
import type { Stack } from '../kubernetes.js';
import { until } from '../ports.js';
import { queryPrometheus } from '../prometheus.js';
import { connectApi, pathOf, type Api, type Connection, type KubernetesObject } from './api.js';
import { describeKubeconfig } from './kubeconfig.js';
import { deployment } from './objects.js';

/** How a version's pods behave; what is left out stays as it is, null goes back to healthy. */
export interface Behaviour {
  /** Share of the requests that get status 500. */
  readonly errors?: number | null;
  /** Mean of a wait between half and one and a half of it. */
  readonly latencyMs?: number | null;
  /** False: /metrics answers 404. */
  readonly metrics?: boolean | null;
  /** False: /healthz answers 503. */
  readonly health?: boolean | null;
  /** False: the pods are not ready. */
  readonly ready?: boolean | null;
  /** How long a pod that starts takes until it listens. Only in `deploy`. */
  readonly readyAfterMs?: number | null;
  /** A value that it did not have before: the counters begin again at zero. */
  readonly restart?: string | null;
}

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
  readonly resourceNames?: readonly string[];
}

export interface DeployOptions extends Behaviour {
  /** Default `web`. */
  readonly app?: string;
  readonly version: string;
  /** Default 2. */
  readonly replicas?: number;
  /** False: returns before the pods are ready. */
  readonly wait?: boolean;
}

export interface OwnNamespace {
  readonly name: string;
  readonly stack: Stack;
  /** Path of an admin's kubeconfig whose context is this namespace. */
  readonly kubeconfig: string;
  /** As admin. */
  readonly api: Api;
  readonly connection: Connection;
  /** `APP.NAMESPACE.test`: a host that is nobody else's, for routes and `Host` headers. */
  host(app?: string): string;
  /** kubectl's stdout, in this namespace. Rejects with its stderr. */
  kubectl(...args: string[]): Promise<string>;
  /** Server-side, in this namespace unless they name another. */
  apply(...objects: KubernetesObject[]): Promise<void>;
  /** One object of this namespace. */
  get(apiVersion: string, kind: string, name: string): Promise<KubernetesObject>;
  /** The Deployment `APP-VERSION` of pods labelled `app` and `version`; again: changes it. */
  deploy(options: DeployOptions): Promise<void>;
  rolledOut(deployment: string, timeoutMs?: number): Promise<void>;
  pods(labels?: Readonly<Record<string, string>>): Promise<KubernetesObject[]>;
  /** Of all present pods of the version (of one app), effective within some 100 ms; pods that start later don't know it. */
  setBehaviour(version: string, behaviour: Behaviour, app?: string): Promise<void>;
  /** Waits until Prometheus has scraped every ready pod that runs now: some 5 to 10 s after its start. */
  scraped(): Promise<void>;
  /** The instant value of a query to Prometheus: its samples by labels. */
  promQuery(query: string): Promise<{ metric: Record<string, string>; value: number }[]>;
  /** Path of the kubeconfig of a ServiceAccount with a Role of these rules in this namespace, and with nothing else. */
  serviceAccountKubeconfig(name: string, rules: readonly Rule[]): Promise<string>;
}

const TIMEOUT_MS = 60_000;

const ANNOTATIONS: Readonly<Record<keyof Behaviour, string>> = {
  errors: 'test/errors',
  latencyMs: 'test/latency-ms',
  metrics: 'test/metrics',
  health: 'test/health',
  ready: 'test/ready',
  readyAfterMs: 'test/ready-after-ms',
  restart: 'test/restart',
};

/** Behaviour as annotations of a pod; null removes one. */
function annotate(behaviour: Behaviour): Record<string, string | null> {
  const entries = Object.entries(ANNOTATIONS) as [keyof Behaviour, string][];
  return Object.fromEntries(
    entries
      .filter(([key]) => behaviour[key] !== undefined)
      .map(([key, name]) => {
        const value = behaviour[key];
        if (value === null || value === undefined) return [name, null];
        return [name, typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value)];
      }),
  );
}

export async function readStack(file: string): Promise<Stack> {
  return JSON.parse(await readFile(file, 'utf8')) as Stack;
}

/** Needs a name that no namespace of the stack has. */
export async function createNamespace(stack: Stack, name: string): Promise<OwnNamespace> {
  const api = connectApi(stack.connection);
  await api.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  const kubeconfig = join(stack.directory, `kubeconfig-${name}`);
  await writeFile(kubeconfig, describeKubeconfig(stack.connection, name), { mode: 0o600 });
  const account = `/api/v1/namespaces/${name}/serviceaccounts/default`;
  await until('the namespace has its service account', () => exists(api, account), { timeoutMs: TIMEOUT_MS });

  const own: OwnNamespace = {
    name,
    stack,
    kubeconfig,
    api,
    connection: stack.connection,
    host: (app = 'web') => `${app}.${name}.test`,
    async kubectl(...args) {
      const run = promisify(execFile);
      // Another run's cluster may have had the same address, and its definitions be in the user's cache.
      const common = ['--kubeconfig', kubeconfig, '--cache-dir', join(stack.directory, 'kubectl-cache')];
      const { stdout } = await run(join(kubernetesFolder(), 'kubectl'), [...common, ...args], {
        maxBuffer: 50_000_000,
      });
      return stdout;
    },
    async apply(...objects) {
      for (const object of objects) await api.apply(object, { namespace: name });
    },
    get: (apiVersion, kind, object) => {
      return api.request('GET', pathOf({ apiVersion, kind, metadata: { name: object } }, name));
    },
    async deploy({ app = 'web', version, replicas = 2, wait = true, ...behaviour }) {
      const annotations = annotate(behaviour) as Record<string, string>;
      await own.apply(deployment({ app, version, replicas, annotations }));
      if (wait) await own.rolledOut(`${app}-${version}`);
    },
    rolledOut: (object, timeoutMs = TIMEOUT_MS) =>
      until(
        `${object} is rolled out`,
        async () => isRolledOut(await own.get('apps/v1', 'Deployment', object)),
        { timeoutMs, everyMs: 50 },
      ),
    async pods(labels = {}) {
      const selector = Object.entries(labels).map(([label, value]) => `${label}=${value}`);
      const query = `labelSelector=${encodeURIComponent(selector.join(','))}`;
      const { items } = await api.request('GET', `/api/v1/namespaces/${name}/pods?${query}`);
      return items.filter(({ metadata }: KubernetesObject) => !metadata.deletionTimestamp);
    },
    async setBehaviour(version, behaviour, app) {
      const annotations = annotate(behaviour);
      const pods = await own.pods({ version, ...(app !== undefined && { app }) });
      if (pods.length === 0) throw new Error(`no pod of ${name} has version ${version}`);
      await Promise.all(
        pods.map(({ metadata }) =>
          api.request(
            'PATCH',
            `/api/v1/namespaces/${name}/pods/${metadata.name}`,
            { metadata: { annotations } },
            'application/merge-patch+json',
          ),
        ),
      );
    },
    async scraped() {
      await until(
        'Prometheus has scraped every pod',
        async () => {
          const ready = (await own.pods()).filter(isReady);
          const up = await own.promQuery(`up{namespace="${name}"} == 1`);
          const seen = new Set(up.map(({ metric }) => metric['pod']));
          return ready.every(({ metadata }) => seen.has(metadata.name));
        },
        { timeoutMs: TIMEOUT_MS, everyMs: 200 },
      );
    },
    promQuery: (query) => queryPrometheus(stack.prometheus, query),
    async serviceAccountKubeconfig(accountName, rules) {
      const metadata = { name: accountName };
      await own.apply(
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
        { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata, rules },
        {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'RoleBinding',
          metadata,
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: accountName },
          subjects: [{ kind: 'ServiceAccount', name: accountName, namespace: name }],
        },
      );
      const { status } = await api.request(
        'POST',
        `/api/v1/namespaces/${name}/serviceaccounts/${accountName}/token`,
        { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 7_200 } },
      );
      const file = join(stack.directory, `kubeconfig-${name}-${accountName}`);
      await writeFile(file, describeKubeconfig({ ...stack.connection, token: status.token }, name), {
        mode: 0o600,
      });
      return file;
    },
  };
  return own;
}

async function exists(api: Api, path: string): Promise<boolean> {
  return api.request('GET', path).then(
    () => true,
    () => false,
  );
}

/** Whether a pod is ready. */
export function isReady({ status }: KubernetesObject): boolean {
  return (status.conditions ?? []).some(
    ({ type, status: is }: { type: string; status: string }) => type === 'Ready' && is === 'True',
  );
}

function isRolledOut({ metadata, spec, status }: KubernetesObject): boolean {
  return (
    status.observedGeneration === metadata.generation &&
    (status.updatedReplicas ?? 0) === spec.replicas &&
    (status.replicas ?? 0) === spec.replicas &&
    (status.availableReplicas ?? 0) === spec.replicas
  );
}

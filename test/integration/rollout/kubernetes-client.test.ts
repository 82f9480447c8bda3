import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

import { afterEach, beforeAll, expect, test } from 'vitest';

import { type KubernetesClient, openKubernetes } from '../../../src/lib/clients/kubernetes/client.js';
import type { Resource } from '../../../src/lib/clients/kubernetes/resource.js';
import { ServiceRefused, ServiceUnavailable, UserError } from '../../../src/lib/core/errors.js';
import { kubernetesFolder } from '../../servers/cache-folder.js';
import type { OwnNamespace } from '../../servers/kubernetes/own-namespace.js';
import { needs } from '../../servers/needs.js';
import { ownNamespace } from '../../servers/shared.js';

const signal = new AbortController().signal;

needs(
  'kubernetes',
  'envoy',
  'prometheus',
)('the Kubernetes client', () => {
  let own: OwnNamespace;
  let folder: string;
  let config: {
    'current-context': string | undefined;
    clusters: { name: string; cluster: Record<string, unknown> }[];
    users: { name: string; user: Record<string, unknown> }[];
    contexts: { name: string; context: Record<string, unknown> }[];
  };
  const opened: KubernetesClient[] = [];

  beforeAll(async () => {
    own = await ownNamespace();
    folder = await mkdtemp(join(tmpdir(), 'metrify-kubeconfig-'));
    config = JSON.parse(await readFile(own.kubeconfig, 'utf8'));
    await own.kubectl('create', 'configmap', 'one', '--from-literal=key=value');
    return () => rm(folder, { recursive: true });
  });
  afterEach(() => {
    for (const client of opened.splice(0)) client.close();
  });

  const write = async (name: string, content: object): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'Config', ...content }));
    return file;
  };
  const open = async (kubeconfig: string, context?: string, requestTimeoutMs = 20_000) => {
    const client = await openKubernetes({ kubeconfig, context, namespace: undefined }, { requestTimeoutMs });
    opened.push(client);
    return client;
  };
  const map = (namespace: string, name?: string): Resource => ({
    group: '',
    version: 'v1',
    resource: 'configmaps',
    kind: 'ConfigMap',
    namespace,
    ...(name === undefined ? {} : { name }),
  });
  const value = async (client: KubernetesClient) =>
    (await client.get<{ data: { key: string } }>(map(client.namespace, 'one'), signal))?.data.key;
  const failure = async (promise: Promise<unknown>) => {
    const error: unknown = await promise.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  };

  test('reads several kubeconfig files as kubectl does', async () => {
    const [cluster, user, context] = [config.clusters[0]!, config.users[0]!, config.contexts[0]!];
    const files = [
      join(folder, 'absent'),
      await write('a', { clusters: [cluster], contexts: [context] }),
      await write('b', {
        users: [user],
        clusters: [{ ...cluster, cluster: { server: 'https://wrong.invalid' } }],
        contexts: [{ ...context, context: { ...context.context, namespace: 'wrong' } }],
        'current-context': context.name,
      }),
      await write('c', { 'current-context': 'another', users: [{ ...user, user: { token: 'wrong' } }] }),
    ].join(delimiter);
    const client = await open(files);
    const { stdout } = await promisify(execFile)(
      join(kubernetesFolder(), 'kubectl'),
      [
        'config',
        'view',
        '--minify',
        '-o',
        'jsonpath={.contexts[0].context.namespace} {.clusters[0].cluster.server}',
      ],
      { env: { ...process.env, KUBECONFIG: files } },
    );
    expect(`${client.namespace} https://${client.host}`).toBe(stdout);
    expect(await value(client)).toBe('value');
  });

  test('says what is wrong with a kubeconfig', async () => {
    expect((await failure(open(join(folder, 'absent')))).message).toContain('no such file');
    const error = await failure(open(own.kubeconfig, 'production'));
    expect(error.message).toContain("there is no context 'production'");
    expect(error.hint).toContain(config.contexts[0]!.name);
    const broken = join(folder, 'broken');
    await writeFile(broken, 'users: [{ user: { token: secret-token } }');
    const unreadable = await failure(open(broken));
    expect(unreadable.message).toContain('is not a kubeconfig');
    expect(unreadable.message).not.toContain('secret-token');
    const lost = await write('lost', { ...config, clusters: [] });
    expect((await failure(open(lost))).message).toContain('the cluster');
  });

  test('asks an exec plugin for its token, and tells what the plugin says', async () => {
    const script = join(folder, 'login');
    const credential = {
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: config.users[0]!.user['token'] },
    };
    await writeFile(script, `#!/bin/sh\necho '${JSON.stringify(credential)}'\n`);
    await chmod(script, 0o755);
    const user = (command: string) => ({
      name: config.users[0]!.name,
      user: {
        exec: { apiVersion: credential.apiVersion, command, args: [], interactiveMode: 'Never' },
      },
    });
    const client = await open(await write('exec', { ...config, users: [user(script)] }));
    expect(await value(client)).toBe('value');

    await writeFile(script, '#!/bin/sh\necho your session is over >&2; exit 1\n');
    const refused = await open(await write('exec-failing', { ...config, users: [user(script)] }));
    const error = await failure(value(refused));
    expect(error).toBeInstanceOf(ServiceRefused);
    expect(error.message).toContain('your session is over');
    const absent = await open(await write('exec-absent', { ...config, users: [user('/no/such/plugin')] }));
    expect((await failure(value(absent))).message).toContain('/no/such/plugin');
    await writeFile(script, '#!/bin/sh\nexec sleep 20\n');
    const waiting = await open(
      await write('exec-slow', { ...config, users: [user(script)] }),
      undefined,
      500,
    );
    expect((await failure(value(waiting))).message).toContain('no answer within 500ms');
  });

  test('goes through the proxy that the kubeconfig names', async () => {
    const targets: string[] = [];
    const proxy = createServer();
    proxy.on('connect', (asked, socket) => {
      targets.push(asked.url!);
      const [host = '', port] = asked.url!.split(':');
      const upstream = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      for (const end of [socket, upstream])
        end.on('error', () => [socket, upstream].forEach((each) => each.destroy()));
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const { port } = proxy.address() as AddressInfo;
    const cluster = { ...config.clusters[0]!.cluster, 'proxy-url': `http://127.0.0.1:${port}` };
    const client = await open(
      await write('proxy', { ...config, clusters: [{ ...config.clusters[0], cluster }] }),
    );
    expect(await value(client)).toBe('value');
    expect(targets).toContain(client.host);
    client.close();
    proxy.close();
  });

  test('is the service account in a pod', async () => {
    const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get'] }];
    const account = JSON.parse(await readFile(await own.serviceAccountKubeconfig('pod', rules), 'utf8'));
    const secrets = join(folder, 'secrets');
    await mkdir(secrets);
    await writeFile(join(secrets, 'token'), account.users[0].user.token);
    await writeFile(join(secrets, 'ca.crt'), own.connection.ca);
    await writeFile(join(secrets, 'namespace'), own.name);
    const { hostname, port, host } = new URL(own.connection.server);
    // In a mount namespace of its own, where the files stand as in a pod.
    const at = '/run/secrets/kubernetes.io/serviceaccount';
    const script = `mount -t tmpfs none /run && mkdir -p ${at} && cp "$0"/* ${at} && exec "$@"`;
    const { stdout } = await promisify(execFile)(
      'unshare',
      [
        ...['--mount', 'sh', '-c', script, secrets],
        ...[process.execPath, '--import', 'tsx', 'test/integration/rollout/kubernetes-pod.ts'],
      ],
      {
        env: {
          ...process.env,
          HOME: folder,
          KUBERNETES_SERVICE_HOST: hostname,
          KUBERNETES_SERVICE_PORT: port,
        },
      },
    );
    expect(JSON.parse(stdout)).toMatchObject({ host, namespace: own.name, data: { key: 'value' } });
  });

  test('lists in pages, and knows what is not there', async () => {
    const client = await open(own.kubeconfig);
    const names = Array.from({ length: 620 }, (_, at) => `many-${at}`);
    const list = {
      apiVersion: 'v1',
      kind: 'List',
      items: names.map((name) => ({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, labels: { many: '1' } },
      })),
    };
    await own.kubectl('create', '-f', await write('many', list));
    const found = await client.list<{ metadata: { name: string } }>(map(client.namespace), 'many=1', signal);
    expect(found.map(({ metadata }) => metadata.name).sort()).toEqual([...names].sort());
    expect(await client.get(map(client.namespace, 'none'), signal)).toBeUndefined();
    const absent = { ...map(client.namespace), group: 'no.such.group', resource: 'things', kind: 'Thing' };
    expect((await failure(client.list(absent, undefined, signal))).hint).toContain('no.such.group');
  });

  /** The API server behind a gateway that fails at will. */
  async function startGateway() {
    const faults: { status: number; retryAfter?: string }[] = [];
    const seen: string[] = [];
    const { server, ca, token } = own.connection;
    const gateway = createServer((asked: IncomingMessage, answer) => {
      seen.push(asked.method!);
      const fault = faults.shift();
      if (fault) {
        const headers = fault.retryAfter === undefined ? {} : { 'retry-after': fault.retryAfter };
        return void answer.writeHead(fault.status, headers).end('busy');
      }
      const url = new URL(asked.url!, server);
      const headers = { ...asked.headers, host: url.host, authorization: `Bearer ${token}` };
      const onward = request(url, { method: asked.method, headers, ca }, (reply) => {
        answer.writeHead(reply.statusCode!, reply.headers);
        reply.pipe(answer);
      });
      asked.pipe(onward);
    });
    await new Promise<void>((resolve) => gateway.listen(0, '127.0.0.1', resolve));
    const { port } = gateway.address() as AddressInfo;
    const cluster = { server: `http://127.0.0.1:${port}`, 'insecure-skip-tls-verify': true };
    const kubeconfig = await write('gateway', {
      ...config,
      clusters: [{ name: config.clusters[0]!.name, cluster }],
    });
    return { faults, seen, kubeconfig, close: () => gateway.close() };
  }

  test('waits and asks again while the API server is too busy', async () => {
    const gateway = await startGateway();
    const client = await open(gateway.kubeconfig);
    gateway.faults.push({ status: 429, retryAfter: '1' }, { status: 503 });
    const begun = performance.now();
    expect(await value(client)).toBe('value');
    expect(performance.now() - begun).toBeGreaterThan(1000);
    expect(gateway.seen).toEqual(['GET', 'GET', 'GET']);

    gateway.faults.push({ status: 500 });
    const { metadata } = (await client.get<{ metadata: { resourceVersion: string } }>(
      map(client.namespace, 'one'),
      signal,
    ))!;
    gateway.faults.push({ status: 500 });
    await client.patch(
      map(client.namespace, 'one'),
      [
        { op: 'replace', path: '/metadata/resourceVersion', value: metadata.resourceVersion },
        { op: 'add', path: '/data/other', value: '1' },
      ],
      signal,
    );
    expect(await own.kubectl('get', 'configmap', 'one', '-o', 'jsonpath={.data.other}')).toBe('1');

    gateway.faults.push(...Array.from({ length: 10 }, () => ({ status: 503 })));
    const error = await failure(value(client));
    expect(error).toBeInstanceOf(ServiceUnavailable);
    expect(error.message).toContain('cannot get ConfigMap');
    gateway.faults.splice(0);

    // Longer than we may wait.
    gateway.faults.push({ status: 429, retryAfter: '3600' });
    expect(await failure(value(client))).toBeInstanceOf(ServiceUnavailable);
    client.close();
    gateway.close();
  });

  test('stops at once when it is told to', async () => {
    const gateway = await startGateway();
    const client = await open(gateway.kubeconfig);
    gateway.faults.push({ status: 429, retryAfter: '15' });
    const stop = new AbortController();
    const asked = client.get(map(client.namespace, 'one'), stop.signal);
    setTimeout(() => stop.abort(new Error('stopped')), 100);
    await expect(asked).rejects.toThrow('stopped');
    client.close();
    gateway.close();
  });
});

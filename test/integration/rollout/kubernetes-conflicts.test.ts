import { readFile, writeFile } from 'node:fs/promises';

import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import type { KubernetesClient } from '../../../src/lib/clients/kubernetes/client.js';
import { ServiceConflict, ServiceUnavailable, UserError } from '../../../src/lib/core/errors.js';
import type { Provider } from '../../../src/lib/rollout/route.js';
import type { OwnNamespace } from '../../servers/kubernetes/own-namespace.js';
import { needs } from '../../servers/needs.js';
import { ownNamespace } from '../../servers/shared.js';
import { type ApiProxy, startApiProxy } from './kubernetes-proxy.js';
import { EXAMPLES, open, openProvider, signal } from './kubernetes-routes.js';

needs(
  'kubernetes',
  'envoy',
  'prometheus',
)('a commit that is not alone', () => {
  const example = EXAMPLES[0]!;
  const commit = { weights: { stable: 90, canary: 10 }, state: '{"step":0}' };
  let own: OwnNamespace;
  let proxy: ApiProxy;
  let client: KubernetesClient;
  let proxied: KubernetesClient;
  let direct: Provider;
  let provider: Provider;

  beforeAll(async () => {
    own = await ownNamespace();
    client = await open(own.kubeconfig);
    direct = await openProvider(example, client);
  });

  beforeEach(async () => {
    await own.kubectl('delete', 'virtualservices.networking.istio.io', 'web', '--ignore-not-found');
    await own.apply(example.manifest(own) as { kind: string });
    proxy = await startApiProxy(own.kubeconfig);
    proxied = await open(proxy.kubeconfig, 5_000);
    provider = await openProvider(example, proxied);
  });
  afterEach(async () => {
    proxied.close();
    await proxy.close();
  });

  const manager = (name: string) => `--field-manager=${name}`;
  const patch = (name: string, operations: unknown) =>
    own.kubectl(
      ...['patch', example.kind, 'web', '--type=json', manager(name)],
      ...['-p', JSON.stringify(operations)],
    );
  const ours = async (): Promise<unknown> =>
    (await own.get('networking.istio.io/v1', 'VirtualService', 'web')).metadata.managedFields.find(
      ({ manager }: { manager: string }) => manager === 'metrify',
    )?.fieldsV1;
  const failure = async (promise: Promise<unknown>): Promise<UserError> => {
    const error: unknown = await promise.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    return error as UserError;
  };

  test('continues when somebody changes what is none of its business', async () => {
    const view = await provider.route.read(signal);
    await patch('other-tool', [
      { op: 'add', path: '/spec/http/1/timeout', value: '9s' },
      { op: 'add', path: '/metadata/labels', value: { team: 'metering' } },
    ]);
    const after = await provider.route.commit(view, commit, signal);
    expect(after).toMatchObject({ weights: commit.weights, state: commit.state, unfinished: false });
    const { spec, metadata } = await own.get('networking.istio.io/v1', 'VirtualService', 'web');
    expect([spec.http[1].timeout, metadata.labels.team]).toEqual(['9s', 'metering']);
    expect(after.revision).not.toBe(view.revision);
  });

  test('continues while routes are inserted before the one that it shifts', async () => {
    const view = await provider.route.read(signal);
    await patch('other-tool', [
      {
        op: 'add',
        path: '/spec/http/0',
        value: { match: [{ uri: { prefix: '/new' } }], route: [{ destination: { host: 'new' } }] },
      },
    ]);
    await provider.route.commit(view, commit, signal);
    const { spec } = await own.get('networking.istio.io/v1', 'VirtualService', 'web');
    expect(
      spec.http.map(({ route }: { route: { weight?: number }[] }) => route.map(({ weight }) => weight)),
    ).toEqual([[undefined], [undefined], [90, 10], [undefined]]);
  });

  test('names who changed the weights, and writes nothing', async () => {
    const view = await provider.route.read(signal);
    await patch('night-shift', [
      { op: 'add', path: '/spec/http/1/route/0/weight', value: 70 },
      { op: 'add', path: '/spec/http/1/route/1/weight', value: 30 },
    ]);
    const error = await failure(provider.route.commit(view, commit, signal));
    expect(error).toBeInstanceOf(ServiceConflict);
    expect(error.message).toMatch(
      /was changed by night-shift at \d{4}-.*Z meanwhile: the canary's weight is 30% now, not 0%/,
    );
    expect(error.hint).toContain('status');
    const now = await provider.route.read(signal);
    expect(now).toMatchObject({
      weights: { stable: 70, canary: 30 },
      state: undefined,
      changedBy: 'night-shift',
    });
  });

  test('and who changed the state', async () => {
    const view = await direct.route.commit(await direct.route.read(signal), commit, signal);
    await own.kubectl(
      'annotate',
      manager('night-shift'),
      '--overwrite',
      example.kind,
      'web',
      'metrify.dev/rollout={}',
    );
    const next = { weights: { stable: 50, canary: 50 }, state: '{"step":1}' };
    const error = await failure(provider.route.commit(view, next, signal));
    expect(error).toBeInstanceOf(ServiceConflict);
    expect(error.message).toMatch(/changed by night-shift at .*metrify's state on it is another/);
    expect(await provider.route.read(signal)).toMatchObject({ weights: commit.weights, state: '{}' });
  });

  test('of two at once one wins, and the other is told', async () => {
    const view = await provider.route.read(signal);
    const results = await Promise.allSettled(
      [10, 20, 30, 40].map((canary) =>
        direct.route.commit(
          view,
          { weights: { stable: 100 - canary, canary }, state: `{"by":${canary}}` },
          signal,
        ),
      ),
    );
    const won = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(won).toHaveLength(1);
    for (const result of results)
      if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(ServiceConflict);
    const { weights, state } = await direct.route.read(signal);
    expect({ weights, state }).toEqual({
      weights: won[0]!.weights,
      state: `{"by":${won[0]!.weights.canary}}`,
    });
  });

  test.each([0, 1])(
    'takes a write whose answer was lost for what it is (after %i answers)',
    async (answers) => {
      const view = await provider.route.read(signal);
      proxy.breakAfter(answers);
      const after = await provider.route.commit(view, commit, signal);
      expect(after).toMatchObject({ weights: commit.weights, state: commit.state, unfinished: false });
      expect(await direct.route.read(signal)).toMatchObject({ ...commit, unfinished: false });
      expect(await ours()).not.toHaveProperty(['f:spec']);
    },
  );

  test('that ends between its two writes is mended by the next one', async () => {
    const view = await provider.route.read(signal);
    const stop = new AbortController();
    const write = client.patch.bind(client);
    const killed = await openProvider(example, client);
    // What a kill leaves: the first write, and nothing after it.
    client.patch = async (...args: Parameters<typeof write>) => {
      stop.signal.throwIfAborted();
      stop.abort(new Error('killed'));
      return write(args[0], args[1], signal) as never;
    };
    try {
      await expect(killed.route.commit(view, commit, stop.signal)).rejects.toThrow('killed');
    } finally {
      client.patch = write;
    }
    expect(await ours()).toHaveProperty(['f:spec', 'f:http']);

    const left = await provider.route.read(signal);
    expect(left).toMatchObject({ ...commit, unfinished: true });
    const next = { weights: { stable: 50, canary: 50 }, state: '{"step":1}' };
    expect(await provider.route.commit(left, next, signal)).toMatchObject({ ...next, unfinished: false });
    expect(await ours()).not.toHaveProperty(['f:spec']);
    // The one who owned the weights before the kill owns them again.
    const { managedFields } = (await own.get('networking.istio.io/v1', 'VirtualService', 'web')).metadata;
    expect(
      managedFields.filter(({ fieldsV1 }: never) => 'f:http' in (fieldsV1['f:spec'] ?? {})),
    ).toMatchObject([{ operation: 'Apply' }]);
  });

  test('to an API server that does not answer ends in the request time-out', async () => {
    const view = await provider.route.read(signal);
    // A stalled machine may need this long to connect, which the time-out includes.
    const slow = await open(proxy.kubeconfig, 4000);
    try {
      const unanswered = await openProvider(example, slow);
      proxy.stall();
      const error = await failure(unanswered.route.commit(view, commit, signal));
      expect(error).toBeInstanceOf(ServiceUnavailable);
      expect(error.message).toBe(
        `Kubernetes at 127.0.0.1:${proxy.port} cannot be reached: no answer within 4s`,
      );
    } finally {
      slow.close();
    }
  });

  test('to one that closes every connection says so', async () => {
    const view = await provider.route.read(signal);
    proxied.close();
    proxy.refuse();
    const error = await failure(provider.route.commit(view, commit, signal));
    expect(error).toBeInstanceOf(ServiceUnavailable);
    expect(error.message).toContain(`127.0.0.1:${proxy.port}`);
    proxy.restore();
    expect(await provider.route.read(signal)).toMatchObject({ weights: view.weights, state: undefined });
  });

  test('to one that is not there says so', async () => {
    const gone = await startApiProxy(own.kubeconfig);
    const absent = await open(gone.kubeconfig);
    const route = (await openProvider(example, absent)).route;
    const { port } = gone;
    await gone.close().catch(() => {});
    const error = await failure(route.read(signal));
    expect(error).toBeInstanceOf(ServiceUnavailable);
    expect(error.message).toBe(`Kubernetes at 127.0.0.1:${port} cannot be reached: connection refused`);
  });

  test('trusts no certificate but the cluster’s', async () => {
    const config = JSON.parse(await readFile(proxy.kubeconfig, 'utf8'));
    delete config.clusters[0].cluster['certificate-authority-data'];
    const file = `${proxy.kubeconfig}-no-ca`;
    await writeFile(file, JSON.stringify(config));
    const wary = await open(file);
    const error = await failure((await openProvider(example, wary)).route.read(signal));
    expect(error).toBeInstanceOf(ServiceUnavailable);
    expect(error.message).toMatch(/certificate/);
    config.clusters[0].cluster['insecure-skip-tls-verify'] = true;
    await writeFile(file, JSON.stringify(config));
    expect(await (await openProvider(example, await open(file))).route.read(signal)).toMatchObject({
      state: undefined,
    });
  });
});

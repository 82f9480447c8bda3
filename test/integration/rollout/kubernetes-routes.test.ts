import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeAll, expect, test } from 'vitest';

import type { KubernetesClient } from '../../../src/lib/clients/kubernetes/client.js';
import type { Provider } from '../../../src/lib/rollout/route.js';
import type { OwnNamespace } from '../../servers/kubernetes/own-namespace.js';
import { needs } from '../../servers/needs.js';
import { ownNamespace } from '../../servers/shared.js';
import { essence, EXAMPLES, open, openProvider, signal } from './kubernetes-routes.js';

interface Entry {
  manager: string;
  operation: string;
  subresource?: string;
  fieldsV1: Record<string, never>;
}

for (const example of EXAMPLES) {
  needs(
    'kubernetes',
    'envoy',
    'prometheus',
  )(`provider ${example.provider}`, () => {
    const all = { stable: 100, canary: 0 };
    const some = { stable: 100 - example.percent, canary: example.percent };
    let own: OwnNamespace;
    let file: string;
    let client: KubernetesClient;
    let provider: Provider;

    const kubectl = (...args: string[]) => own.kubectl(...args);
    const apply = (...args: string[]) => kubectl('apply', '-f', file, ...args);
    const read = async () => JSON.parse(await kubectl('get', example.kind, 'web', '-o', 'json'));
    /** Without those of the status, which istiod writes when it likes. */
    const owners = async (): Promise<Entry[]> => {
      const text = await kubectl('get', example.kind, 'web', '-o', 'json', '--show-managed-fields');
      const entries = JSON.parse(text).metadata.managedFields as Entry[];
      return entries.filter(({ subresource }) => subresource !== 'status');
    };
    const weights = () => kubectl('get', example.kind, 'web', '-o', `jsonpath=${example.jsonpath}`);

    beforeAll(async () => {
      own = await ownNamespace();
      file = join(own.stack.directory, `${own.name}-route.json`);
      await writeFile(file, JSON.stringify(example.manifest(own)));
      client = await open(own.kubeconfig);
      provider = await openProvider(example, client);
      return () => client.close();
    });

    const fresh = async (...args: string[]) => {
      await kubectl('delete', example.kind, 'web', '--ignore-not-found');
      await apply(...args);
    };

    test('reads, describes and commits weights and state, and leaves the rest alone', async () => {
      await fresh('--server-side', '--field-manager=gitops');
      const before = await read();
      const view = await provider.route.read(signal);
      expect(view).toMatchObject({ weights: all, state: undefined, changedBy: 'gitops', unfinished: false });
      expect(await weights()).toBe(example.written[0]);

      const commit = { weights: some, state: '{"step":0,"text":"1 < 2 / ~ é"}' };
      const [change] = provider.route.describe(view, commit);
      // For people: where the weights are, and nothing of what metrify keeps.
      expect(change!.diff).toMatch(/^\+(?!\+)/m);
      expect(change!.diff).not.toMatch(/metrify\.dev\/rollout|managedFields/);
      const patch = change!.patch as { path: string; value: unknown }[];
      expect(essence(await read())).toEqual(essence(before));
      const predicted = await kubectl(
        ...['patch', example.kind, 'web', '--type=json', '--dry-run=server', '-o', 'json'],
        ...['-p', JSON.stringify(patch)],
      );

      const after = await provider.route.commit(view, commit, signal);
      expect(after).toMatchObject({ weights: some, state: commit.state, unfinished: false });
      expect(await weights()).toBe(example.written[1]);
      const written = await read();
      expect(written.metadata.annotations['metrify.dev/rollout']).toBe(commit.state);
      expect(written.metadata.annotations['metrify.dev/rollout-owners']).toBeUndefined();
      // What was described is what was written.
      expect(essence(written)).toEqual(essence(JSON.parse(predicted)));
      const { weights: reads, state } = await provider.route.read(signal);
      expect({ weights: reads, state }).toEqual(commit);

      const back = await provider.route.commit(after, { weights: all, state: '{}' }, signal);
      expect(back.weights).toEqual(all);
      expect(essence(await read())).toEqual(essence(before));
    });

    test('state alone is one guarded write', async () => {
      await fresh('--server-side', '--field-manager=gitops');
      const view = await provider.route.read(signal);
      const commit = { weights: undefined, state: '{"paused":true}' };
      expect(provider.route.describe(view, commit)).toHaveLength(1);
      const after = await provider.route.commit(view, commit, signal);
      expect(after).toMatchObject({ weights: all, state: commit.state });
      expect(await weights()).toBe(example.written[0]);
    });

    test('gives the fields back, so that a server-side apply meets no conflict', async () => {
      await fresh('--server-side', '--field-manager=gitops');
      const before = await owners();
      const view = await provider.route.read(signal);
      await provider.route.commit(view, { weights: some, state: '{}' }, signal);

      const after = await owners();
      const fields = (entries: Entry[], manager: string) =>
        entries.find((entry) => entry.manager === manager)?.fieldsV1;
      expect(fields(after, 'gitops')).toEqual(fields(before, 'gitops'));
      // The dot is the map itself, where it was ours to make.
      const ours = fields(after, 'metrify') as unknown as { 'f:metadata': { 'f:annotations': object } };
      expect(Object.keys(ours)).toEqual(['f:metadata']);
      expect(Object.keys(ours['f:metadata'])).toEqual(['f:annotations']);
      const annotations = Object.keys(ours['f:metadata']['f:annotations']);
      expect(annotations.filter((name) => name !== '.')).toEqual(['f:metrify.dev/rollout']);
      // Perhaps in the same second, which is as fine as times in managedFields are.
      await apply('--server-side', '--field-manager=gitops');
      // The manifest says so; metrify's state stays.
      expect(await provider.route.read(signal)).toMatchObject({
        weights: all,
        state: '{}',
        changedBy: 'gitops',
      });
    });

    test('and a client-side apply works as before', async () => {
      await fresh();
      const before = await owners();
      const view = await provider.route.read(signal);
      expect(view.changedBy).toBe('kubectl-client-side-apply');
      await provider.route.commit(view, { weights: some, state: '{}' }, signal);
      const without = (await owners()).filter(({ manager }) => manager !== 'metrify');
      expect(without).toEqual(before);
      await apply();
      expect(await provider.route.read(signal)).toMatchObject({ weights: all, state: '{}' });
    });
  });
}

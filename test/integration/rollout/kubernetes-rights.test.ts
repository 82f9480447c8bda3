import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { beforeAll, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { ServiceRefused } from '../../../src/lib/core/errors.js';
import type { LeaseRecord } from '../../../src/lib/rollout/lease.js';
import type { Provider } from '../../../src/lib/rollout/route.js';
import type { OwnNamespace, Rule } from '../../servers/kubernetes/own-namespace.js';
import { needs } from '../../servers/needs.js';
import { ownNamespace } from '../../servers/shared.js';
import { type Example, EXAMPLES, open, openProvider, signal } from './kubernetes-routes.js';

const ROLE = 'k8s/role.yaml';
const commit = { weights: { stable: 0, canary: 100 }, state: '{"step":0}' };

/** The shipped Role's rules, with the route's rule of this provider alone, as the comments tell to do. */
async function shippedRules({ kind }: Example): Promise<Rule[]> {
  const text = await readFile(ROLE, 'utf8');
  const documents = parseAllDocuments(text.replace(/^ {2}# (- | {2})/gm, '  $1')).map((one) => one.toJS());
  const rules: Rule[] = documents.find((one: { kind: string }) => one.kind === 'Role').rules;
  const [resource = '', ...group] = kind.split('.');
  const lease = `metrify-${resource.replace(/e?s$/, (end) => (resource === 'ingresses' ? '' : end.slice(0, -1)))}-web`;
  return rules
    .filter(
      ({ verbs, resources }) =>
        !verbs.includes('patch') || resources[0] === 'deployments/scale' || resources[0] === resource,
    )
    .filter(({ apiGroups, resources }) => resources[0] !== resource || apiGroups[0] === group.join('.'))
    .map((rule) =>
      rule.resources[0] === 'leases' && rule.resourceNames ? { ...rule, resourceNames: [lease] } : rule,
    );
}

/** Everything that a rollout does, in the order in which it does it. */
async function everything({ route, workloads }: Provider): Promise<void> {
  const now = Date.now();
  const record: LeaseRecord = {
    holder: 'me',
    acquiredAt: now,
    renewedAt: now,
    durationMs: 15_000,
    transitions: 0,
  };
  const { version } = await route.leases.read(signal);
  const written = await route.leases.write(record, version, signal);
  await route.leases.write({ ...record, renewedAt: now + 1000 }, written, signal);
  const view = await route.read(signal);
  for (const deployment of ['web-v1', 'web-v2']) await workloads!.fleet(deployment, signal);
  await route.commit(view, commit, signal);
  await workloads!.scale('web-v1', 1, signal);
}

needs(
  'kubernetes',
  'envoy',
  'prometheus',
)('with the shipped Role', () => {
  let own: OwnNamespace;
  let accounts = 0;

  beforeAll(async () => {
    own = await ownNamespace();
    await Promise.all(['v1', 'v2'].map((version) => own.deploy({ version, replicas: 1 })));
  });

  const as = async (rules: readonly Rule[]) =>
    open(await own.serviceAccountKubeconfig(`metrify-${accounts++}`, rules));
  const fresh = async (example: Example) => {
    await own.kubectl('delete', example.kind, 'web', '--ignore-not-found');
    await own.kubectl('delete', 'leases', '--all');
    await own.apply(example.manifest(own) as { kind: string });
  };

  test.each(EXAMPLES)('provider $provider can do all of its work', async (example) => {
    await fresh(example);
    const client = await as(await shippedRules(example));
    const provider = await openProvider(example, client);
    await everything(provider);
    expect(await provider.route.read(signal)).toMatchObject({ ...commit, unfinished: false });
    client.close();
  });

  test('each missing verb is named, and nothing is half done', async () => {
    const example = EXAMPLES[0]!;
    const rules = await shippedRules(example);
    const admin = await open(own.kubeconfig);
    const seen = await openProvider(example, admin);
    const named: string[] = [];
    for (const [at, rule] of rules.entries()) {
      for (const verb of rule.verbs) {
        await fresh(example);
        const less = rules.map((one, other) =>
          at === other ? { ...one, verbs: one.verbs.filter((each) => each !== verb) } : one,
        );
        const client = await as(less.filter(({ verbs }) => verbs.length > 0));
        const error: unknown = await everything(await openProvider(example, client)).catch(
          (thrown: unknown) => thrown,
        );
        client.close();
        expect(error, `${verb} ${rule.resources[0]}`).toBeInstanceOf(ServiceRefused);
        const { message, hint, exitCode } = error as ServiceRefused;
        expect(exitCode).toBe(5);
        expect(message).toContain(`may not ${verb} ${rule.resources[0]}`);
        expect(message).toContain(`in namespace ${own.name}`);
        expect(hint).toContain(
          `{ apiGroups: ["${rule.apiGroups[0]}"], resources: ["${rule.resources[0]}"], verbs: ["${verb}"] }`,
        );
        named.push(`${verb} ${rule.resources[0]}`);
        // Scaling down comes last: the weights are set by then, and state with them.
        const { weights, state } = await seen.route.read(signal);
        if (rule.resources[0] === 'deployments/scale') expect({ weights, state }).toEqual(commit);
        else expect({ weights, state }).toEqual({ weights: { stable: 100, canary: 0 }, state: undefined });
      }
    }
    expect(named).toHaveLength(9);
    admin.close();
  });

  test('a token that is not known is refused, and not shown', async () => {
    const config = JSON.parse(await readFile(own.kubeconfig, 'utf8'));
    config.users[0].user.token = 'no-such-token';
    const file = join(own.stack.directory, `${own.name}-stranger`);
    await writeFile(file, JSON.stringify(config));
    const client = await open(file);
    const error = await (
      await openProvider(EXAMPLES[0]!, client)
    ).route
      .read(signal)
      .catch((thrown: unknown) => thrown);
    client.close();
    expect(error).toBeInstanceOf(ServiceRefused);
    expect(String(error)).toMatch(/does not accept our credentials/);
    expect(JSON.stringify(error) + String(error)).not.toContain('no-such-token');
  });

  test('the manifests can be applied as they are', async () => {
    const out = await own.kubectl(
      'apply',
      '-n',
      'default',
      '--dry-run=server',
      '-f',
      ROLE,
      '-f',
      'k8s/cronjob.yaml',
    );
    expect(out.trim().split('\n')).toHaveLength(5);
  });
});

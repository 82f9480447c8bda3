import { readFile } from 'node:fs/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';

import type { OwnNamespace, Rule } from '../../servers/kubernetes/own-namespace.js';
import { needs } from '../../servers/needs.js';
import { ownNamespace } from '../../servers/shared.js';
import {
  deployApp,
  ended,
  objectOf,
  openRollouts,
  type Provider,
  RESOURCES,
  type Rollout,
  type Rollouts,
  STATE,
  stateAt,
  stepUntil,
  weightsAt,
} from './kubernetes-setup.js';

const LEASES: Readonly<Record<Provider, string>> = {
  istio: 'metrify-virtualservice',
  'gateway-api': 'metrify-httproute',
  service: 'metrify-service',
  'nginx-ingress': 'metrify-ingress',
};

needs(
  'kubernetes',
  'envoy',
  'prometheus',
)('The shipped Role', () => {
  let own: OwnNamespace;
  let rollouts: Rollouts;
  let text: string;
  let accounts = 0;

  beforeAll(async () => {
    text = await readFile(new URL('../../../k8s/role.yaml', import.meta.url), 'utf8');
    own = await ownNamespace();
    rollouts = await openRollouts();
  });

  afterAll(() => rollouts?.remove());

  /** Its rules with the names of this rollout, and of those for a route the one of its provider. */
  const shipped = ({ provider, app }: Rollout): Rule[] => {
    const documents = parseAllDocuments(text.replace(/^ {2}# (- | {2})/gm, '  $1')).map((one) => one.toJS());
    const rules: Rule[] = documents.find((one: { kind: string }) => one.kind === 'Role').rules;
    const [resource, ...group] = RESOURCES[provider].split('.');
    const routes = Object.values(RESOURCES).map((name) => name.split('.')[0]);
    const names: Readonly<Record<string, string>> = {
      web: app,
      'web-v1': `${app}-v1`,
      'web-v2': `${app}-v2`,
      'metrify-virtualservice-web': `${LEASES[provider]}-${app}`,
    };
    const found = rules.filter(
      ({ apiGroups, resources }) =>
        !routes.includes(resources[0]) || (resources[0] === resource && apiGroups[0] === group.join('.')),
    );
    expect(found).toHaveLength(7);
    return found.map((rule) =>
      rule.resourceNames ? { ...rule, resourceNames: rule.resourceNames.map((name) => names[name]!) } : rule,
    );
  };

  const as = async (rollout: Rollout, rules: readonly Rule[]): Promise<Rollout> =>
    rollout.as(await own.serviceAccountKubeconfig(`operator-${accounts++}`, rules));

  const deploy = async (app: string, provider: Provider, more: Record<string, unknown> = {}) => {
    const place = { own, provider, app };
    await deployApp(place);
    return rollouts.write(place, more);
  };

  /** What a command that is refused leaves as it was. */
  const standing = async (rollout: Rollout) => ({
    weights: await weightsAt(rollout),
    state: (await objectOf(rollout)).metadata.annotations?.[STATE],
  });

  test.concurrent.each(['istio', 'gateway-api', 'nginx-ingress'] as const)(
    'suffices for a canary, provider %s',
    async (provider) => {
      const admin = await deploy(`canary-${provider}`, provider, { steps: [20, 60, 100] });
      const rollout = await as(admin, shipped(admin));
      ended(await rollout.run('canary', 'start'));
      await stepUntil(rollout, [40, 60]);
      for (const verb of ['pause', 'resume', 'status', 'history', 'abort'])
        ended(await rollout.run('canary', verb));
      expect(await weightsAt(rollout)).toEqual([100, 0]);
      ended(await rollout.run('canary', 'start'));
      ended(await rollout.run('canary', 'promote'));
      ended(await rollout.run('canary', 'promote', '--full'));
      expect(await weightsAt(rollout)).toEqual([0, 100]);
    },
  );

  test.concurrent.each(['service', 'istio'] as const)(
    'suffices for a switch, provider %s',
    async (provider) => {
      const admin = await deploy(`switch-${provider}`, provider, { form: 'blue-green' });
      const rollout = await as(admin, shipped(admin));
      const down = ['--watch', '1s', '--scale-down', '--scale-down-delay', '1s'];
      ended(await rollout.run('deploy', 'switch', ...down));
      expect(await weightsAt(rollout)).toEqual([0, 100]);
      expect((await own.get('apps/v1', 'Deployment', `${rollout.app}-v1`)).spec.replicas).toBe(0);
      ended(await rollout.run('deploy', 'status'));
      ended(await rollout.run('deploy', 'rollback'));
      expect(await weightsAt(rollout)).toEqual([100, 0]);
      expect((await own.get('apps/v1', 'Deployment', `${rollout.app}-v1`)).spec.replicas).toBe(1);
    },
  );

  const verbs = (rules: readonly Rule[]): (readonly [verb: string, resource: string])[] =>
    rules.flatMap((rule) => rule.verbs.map((verb) => [verb, rule.resources[0]!] as const));

  const without = (rules: readonly Rule[], verb: string, resource: string): Rule[] =>
    rules
      .map((rule) =>
        rule.resources[0] === resource ? { ...rule, verbs: rule.verbs.filter((one) => one !== verb) } : rule,
      )
      .filter((rule) => rule.verbs.length > 0);

  test.concurrent.each([
    ['canary', 'start', []],
    ['deploy', 'switch', ['--watch', '1s']],
  ] as const)(
    'is needed verb by verb by %s %s, which says what is missing and does nothing',
    async (group, verb, args) => {
      const admin = await deploy(
        `needed-${group}`,
        'istio',
        group === 'deploy' ? { form: 'blue-green' } : {},
      );
      const rules = shipped(admin);
      // Somebody has been here before, so that there are an annotation and a lease.
      ended(await admin.run(group, verb, ...args));
      ended(await admin.run(group, group === 'deploy' ? 'rollback' : 'abort'));
      const before = await standing(admin);
      const tried: string[] = [];
      for (const [missing, resource] of verbs(rules)) {
        if (resource === 'deployments/scale') continue;
        if (missing === 'create') await own.kubectl('delete', 'lease', `${LEASES.istio}-${admin.app}`);
        const operator = await as(admin, without(rules, missing, resource));
        const end = await operator.run(group, verb, ...args);
        const said = `without ${missing} ${resource}`;
        expect({ said, code: end.code }).toEqual({ said, code: 5 });
        const { error } = JSON.parse(end.stderr.trim().split('\n').at(-1)!);
        expect(error.message, said).toContain(`may not ${missing} ${resource}`);
        expect(error.message, said).toContain(own.name);
        expect(error.hint, said).toContain(`verbs: ["${missing}"]`);
        expect(await standing(admin), said).toEqual(before);
        tried.push(missing);
      }
      expect(tried.sort()).toEqual(['create', 'get', 'get', 'get', 'list', 'list', 'patch', 'update']);
    },
  );

  test.concurrent('without the right to scale, a switch is done and can be taken back', async () => {
    const admin = await deploy('unscaled', 'istio', { form: 'blue-green' });
    const rollout = await as(admin, without(shipped(admin), 'patch', 'deployments/scale'));
    const down = ['--watch', '1s', '--scale-down', '--scale-down-delay', '1s'];
    const end = await rollout.run('deploy', 'switch', ...down);
    ended(end, 5);
    expect(end.stderr).toContain('may not patch deployments/scale');
    expect(await weightsAt(rollout)).toEqual([0, 100]);
    expect((await stateAt(rollout)).phase).toBe('promoted');
    expect((await own.get('apps/v1', 'Deployment', 'unscaled-v1')).spec.replicas).toBe(1);
    ended(await rollout.run('deploy', 'rollback'));
    expect(await weightsAt(rollout)).toEqual([100, 0]);
  });

  test.concurrent(
    'without the right to patch, an abort says what to type, and does it once it may',
    async () => {
      const admin = await deploy('stuck', 'istio', { steps: [20, 100] });
      ended(await admin.run('canary', 'start'));
      const before = await standing(admin);
      const rollout = await as(admin, without(shipped(admin), 'patch', 'virtualservices'));
      const end = await rollout.run('canary', 'abort');
      ended(end, 5);
      expect(end.stderr).toContain('may not patch virtualservices');
      expect(end.stderr).toContain('metrify canary abort stuck');
      expect(await standing(admin)).toEqual(before);
      ended(await admin.run('canary', 'abort'));
      expect(await weightsAt(admin)).toEqual([100, 0]);
    },
  );
});

import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { OwnNamespace } from '../../servers/kubernetes/own-namespace.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { ownNamespace } from '../../servers/shared.js';
import {
  begun,
  deployApp,
  ended,
  objectOf,
  openRollouts,
  type Provider,
  RESOURCES,
  type Rollout,
  type Rollouts,
  routeOf,
  STATE,
  stateAt,
  stepUntil,
  weightsAt,
} from './kubernetes-setup.js';

const LEASE_MS = 15_000;

needs(
  'kubernetes',
  'envoy',
  'prometheus',
)('Operators of a rollout', () => {
  let own: OwnNamespace;
  let rollouts: Rollouts;
  let folder: string;

  beforeAll(async () => {
    own = await ownNamespace();
    rollouts = await openRollouts();
    folder = await mkdtemp(join(tmpdir(), 'metrify-operators-'));
  });

  afterAll(async () => {
    await rollouts?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const deploy = async (app: string, more: Record<string, unknown> = {}, provider: Provider = 'istio') => {
    const place = { own, provider, app };
    await deployApp(place);
    return rollouts.write(place, more);
  };

  const jsonpath = ({ provider, app }: Rollout, path: string): Promise<string> =>
    own.kubectl('get', RESOURCES[provider], app, '-o', `jsonpath=${path}`);

  const WEIGHTS: Readonly<Record<Provider, string>> = {
    istio: '{.spec.http[0].route[*].weight}',
    'gateway-api': '{.spec.rules[0].backendRefs[*].weight}',
    service: '{.spec.selector.version}',
    'nginx-ingress': String.raw`{.metadata.annotations.nginx\.ingress\.kubernetes\.io/canary-weight}`,
  };

  /** What kubectl says of the rollout, without a look at how metrify reads it. */
  const byKubectl = async (rollout: Rollout) => {
    const [weights, revision, annotation] = await Promise.all([
      jsonpath(rollout, WEIGHTS[rollout.provider]),
      jsonpath(rollout, '{.metadata.resourceVersion}'),
      jsonpath(rollout, String.raw`{.metadata.annotations.metrify\.dev/rollout}`),
    ]);
    const kind = { istio: 'virtualservice', 'gateway-api': 'httproute', service: 'service' } as const;
    const name = `metrify-${rollout.provider === 'nginx-ingress' ? 'ingress' : kind[rollout.provider]}-${rollout.app}`;
    const holder = await own.kubectl(
      ...['get', 'leases', name, '--ignore-not-found', '-o', 'jsonpath={.spec.holderIdentity}'],
    );
    const state = annotation === '' ? undefined : JSON.parse(annotation);
    return { weights, revision, state, holder: holder === '' ? null : holder };
  };

  const written = (provider: Provider, [v1, v2]: readonly [number, number]): string => {
    if (provider === 'service') return v1 === 100 ? 'v1' : 'v2';
    return provider === 'nginx-ingress' ? String(v2) : `${v1} ${v2}`;
  };

  /** The status, which kubectl agrees with. */
  const agreed = async (rollout: Rollout) => {
    const group = rollout.provider === 'service' ? 'deploy' : 'canary';
    const end = await rollout.run(group, 'status');
    ended(end);
    const { result } = end.json();
    const seen = await byKubectl(rollout);
    const { stable, canary } = result.weights;
    expect(written(rollout.provider, result.live === 'green' ? [canary, stable] : [stable, canary])).toBe(
      seen.weights,
    );
    expect(result).toMatchObject({ revision: seen.revision, holder: seen.holder, problems: [] });
    expect(result.phase).toBe(seen.state?.phase ?? 'idle');
    expect(result.steps).toEqual(seen.state?.steps ?? []);
    expect(
      result.history.map(({ at, ...entry }: { at: string }) => ({ ...entry, at: Date.parse(at) })),
    ).toEqual(seen.state?.history ?? []);
    return result;
  };

  test.concurrent.each(['istio', 'gateway-api', 'nginx-ingress'] as const)(
    'kubectl agrees with each status of a canary, provider %s',
    async (provider) => {
      const rollout = await deploy(
        `status-${provider}`,
        { steps: [20, 60, 100], interval: '1h', maxStepDuration: '2h' },
        provider,
      );
      expect(await agreed(rollout)).toMatchObject({ phase: 'idle', step: 0, holder: null });
      const running = await rollout.start('canary', 'start', '--wait');
      await begun(rollout, running, [80, 20]);
      await until('it is settled', async () => {
        const { result } = (await rollout.run('canary', 'status')).json();
        return result.problems.length === 0;
      });
      const busy = await rollout.run('canary', 'status');
      expect(busy.json().result.holder).toContain(`(${running.pid})`);
      expect(busy.json().result.holder).toBe((await byKubectl(rollout)).holder);
      running.signal('SIGINT');
      ended(await running.finished, 130);
      expect(await agreed(rollout)).toMatchObject({ phase: 'holding', step: 1, holder: null });
      ended(await rollout.run('canary', 'promote'));
      expect(await agreed(rollout)).toMatchObject({ phase: 'progressing', step: 2, weights: { canary: 60 } });
      ended(await rollout.run('canary', 'promote', '--full'));
      expect(await agreed(rollout)).toMatchObject({ phase: 'promoted', weights: { stable: 0, canary: 100 } });
    },
  );

  test.concurrent('kubectl agrees with each status of a switch, provider service', async () => {
    const rollout = await deploy('status-service', {}, 'service');
    expect(await agreed(rollout)).toMatchObject({ phase: 'idle', live: 'blue' });
    ended(await rollout.run('deploy', 'switch', '--watch', '1s'));
    expect(await agreed(rollout)).toMatchObject({ phase: 'promoted', live: 'green' });
    ended(await rollout.run('deploy', 'rollback'));
    expect(await agreed(rollout)).toMatchObject({ phase: 'aborted', live: 'blue' });
  });

  test.concurrent('of two at once, one is refused', async () => {
    const rollout = await deploy('two', { steps: [20, 60, 100], interval: '1h', maxStepDuration: '2h' });
    for (let round = 0; round < 3; round++) {
      const both = await Promise.all([rollout.run('canary', 'start'), rollout.run('canary', 'start')]);
      expect(both.map(({ code }) => code).sort()).toEqual([0, 4]);
      const refused = both.find(({ code }) => code === 4)!;
      expect(refused.stderr).toMatch(/is at work on this rollout|is progressing on|changed/);
      expect(await weightsAt(rollout)).toEqual([80, 20]);
      ended(await rollout.run('canary', 'abort'));
    }
    const first = await rollout.start('canary', 'start', '--wait');
    await begun(rollout, first, [80, 20]);
    const second = await rollout.run('canary', 'promote');
    ended(second, 4);
    expect(second.stderr).toContain(`(${first.pid}) is at work on this rollout`);
    expect(second.stderr).toContain('--take-over');
    expect(await weightsAt(rollout)).toEqual([80, 20]);
    ended(await rollout.run('canary', 'promote', '--take-over'));
    expect(await weightsAt(rollout)).toEqual([40, 60]);
    const end = await first.finished;
    ended(end, 4);
    expect(end.stderr).toContain('took this rollout over');
    expect(await weightsAt(rollout)).toEqual([40, 60]);
    expect((await stateAt(rollout)).phase).toBe('progressing');
  });

  test.concurrent('the lease of a killed one is over in its own time', async () => {
    const rollout = await deploy('killed', { steps: [20, 60, 100], interval: '1h', maxStepDuration: '2h' });
    const running = await rollout.start('canary', 'start', '--wait');
    await begun(rollout, running, [80, 20]);
    running.signal('SIGKILL');
    const killedAt = performance.now();
    // Both at once: on a slow machine one after the other may take longer than the lease.
    const [refused, asked] = await Promise.all([
      rollout.run('canary', 'promote'),
      rollout.run('canary', 'status'),
      running.finished,
    ]);
    ended(refused, 4);
    expect(refused.stderr).toContain(`(${running.pid}) is at work on this rollout`);
    const status = asked.json();
    expect(status.result).toMatchObject({ phase: 'progressing', weights: { canary: 20 } });
    expect(status.result.holder).toContain(`(${running.pid})`);
    let askedAt = 0;
    await until(
      'the lease is over',
      async () => {
        askedAt = performance.now();
        const end = await rollout.run('canary', 'promote');
        if (end.code !== 4) ended(end);
        return end.code === 0;
      },
      { timeoutMs: 60_000, everyMs: 500 },
    );
    // The last attempt began when the one before it, a moment earlier, had been refused.
    expect(askedAt - killedAt).toBeLessThan(LEASE_MS + 30_000);
    expect(await weightsAt(rollout)).toEqual([40, 60]);
  });

  test.concurrent(
    'after GitOps sets its manifest again without a conflict, a step refuses the drift',
    async () => {
      const rollout = await deploy('gitops', { steps: [20, 60, 100], interval: '100ms' });
      const manifest = join(folder, 'gitops.json');
      await writeFile(manifest, JSON.stringify(routeOf(rollout).at(-1)));
      const gitops = ['apply', '--server-side', '--field-manager=gitops', '-f', manifest];
      await own.kubectl('delete', RESOURCES.istio, rollout.app);
      await own.kubectl(...gitops);
      ended(await rollout.run('canary', 'start'));
      await stepUntil(rollout, [40, 60]);
      // Rejects when there is a conflict.
      await own.kubectl(...gitops);
      expect(await weightsAt(rollout)).toEqual([100, 0]);
      const step = await rollout.run('canary', 'step');
      ended(step, 4);
      expect(step.stderr).toMatch(/has the weights 100\/0, written by gitops; this rollout set 40\/60/);
      expect(step.stderr).toContain('--take-over');
      expect(await weightsAt(rollout)).toEqual([100, 0]);
      const status = (await rollout.run('canary', 'status')).json();
      expect(status.result.problems.join()).toContain('written by gitops');
      ended(await rollout.run('canary', 'step', '--take-over'));
      await stepUntil(rollout, [0, 100]);
      // As a kill after the last change leaves it: the weights are still metrify's. Whatever comes next gives them back.
      const weight = (at: number, value: number) => ({
        op: 'replace',
        path: `/spec/http/0/route/${at}/weight`,
        value,
      });
      // Only who changes a value owns it.
      for (const stable of [1, 0]) {
        const patch = JSON.stringify([weight(0, stable), weight(1, 100 - stable)]);
        await own.kubectl(
          ...['patch', RESOURCES.istio, rollout.app, '--field-manager=metrify', '--type=json', '-p', patch],
        );
      }
      const { problems } = (await rollout.run('canary', 'status')).json().result;
      expect(problems.join()).toContain('a change was cut short');
      const idle = await rollout.run('canary', 'step');
      ended(idle);
      expect(idle.json().result).toMatchObject({ did: 'nothing runs', problems: [] });
      expect(await weightsAt(rollout)).toEqual([0, 100]);
      await own.kubectl(...gitops);
      ended(await rollout.run('canary', 'abort'));
    },
  );

  test.concurrent('an edited annotation runs nothing', async () => {
    const witness = join(folder, 'injected');
    let connections = 0;
    const listener: Server = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}/`;
    const rollout = await deploy('edited', { steps: [20, 60, 100], interval: '1h', maxStepDuration: '2h' });
    ended(await rollout.run('canary', 'start'));
    const text: string = (await objectOf(rollout)).metadata.annotations[STATE];
    const state = JSON.parse(text);
    const edit = (value: string) =>
      own.kubectl('annotate', RESOURCES.istio, rollout.app, '--overwrite', `${STATE}=${value}`);
    const changed = (change: object): Promise<string> => edit(JSON.stringify({ ...state, ...change }));
    const refused = async (verbs: readonly string[], why: RegExp) => {
      for (const verb of verbs) {
        const end = await rollout.run('canary', verb);
        ended(end, 4);
        expect(end.stderr).toMatch(why);
      }
      expect(await weightsAt(rollout)).toEqual([80, 20]);
    };

    await edit('{ no JSON');
    await refused(['status', 'step', 'promote', 'abort'], /state on .* cannot be read: it is no JSON/s);
    await changed({ format: 2 });
    await refused(['step', 'abort'], /cannot be read/);
    await changed({ phase: 'promoting' });
    await refused(['step', 'promote'], /'phase' is not what it should be/);
    await changed({ step: 7 });
    await refused(['step', 'promote'], /'step' is not what it should be/);
    // Phases that do not go with the weights that it says were set.
    await changed({ phase: 'promoted' });
    await refused(['step', 'promote'], /cannot be read/);
    await changed({ phase: 'aborted' });
    await refused(['step', 'start'], /cannot be read/);
    await changed({ plan: 'f'.repeat(64) });
    await refused(['step', 'promote'], /the plan is not the one/);
    await changed({ weights: { stable: 70, canary: 30 } });
    await refused(['step', 'promote', 'pause'], /has the weights 80\/20.* this rollout set 70\/30/s);
    const other = { name: 'v2', deployment: 'two-v2' };
    await changed({ versions: { ...state.versions, canary: other } });
    await refused(['step', 'promote'], /other versions|cannot be read|the plan is not the one/);

    // What is no part of a state is not looked at.
    const command = ['touch', witness];
    const probe = { url: `${url}{{version}}` };
    await changed({
      gates: { command, approval: false },
      command,
      smoke: [{ url, status: 200 }],
      analysis: { prometheus: url, requests: 'sum(increase(x[{{window}}]))', probe },
      prometheus: url,
      canary: { gates: { command } },
    });
    for (const verb of ['status', 'step', 'promote', 'history', 'abort'])
      ended(await rollout.run('canary', verb));
    expect(await weightsAt(rollout)).toEqual([100, 0]);
    expect(connections).toBe(0);
    await expect(access(witness)).rejects.toThrow(/ENOENT/);
    listener.close();
  });
});

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { OwnNamespace } from '../../servers/kubernetes/own-namespace.js';
import { replayable } from '../../random.js';
import { needs } from '../../servers/needs.js';
import { ownNamespace } from '../../servers/shared.js';
import {
  deployApp,
  ended,
  objectOf,
  openRollouts,
  RESOURCES,
  type Rollout,
  type Rollouts,
  routeOf,
  stateAt,
  weightsAt,
} from './kubernetes-setup.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';

const KILLS = 30;
const OWNERS = 'metrify.dev/rollout-owners';

/** The admin's kubeconfig, by way of the proxy. */
async function proxied({ kubeconfig, name, stack }: OwnNamespace, { url }: TcpProxy): Promise<string> {
  const config = JSON.parse(await readFile(kubeconfig, 'utf8'));
  Object.assign(config.clusters[0].cluster, {
    server: url.replace('http:', 'https:'),
    'tls-server-name': 'kubernetes.default',
  });
  const file = join(stack.directory, `kubeconfig-${name}-slow`);
  await writeFile(file, JSON.stringify(config), { mode: 0o600 });
  return file;
}

needs(
  'kubernetes',
  'envoy',
  'prometheus',
)('A promotion that is killed', () => {
  let own: OwnNamespace;
  let rollouts: Rollouts;

  beforeAll(async () => {
    own = await ownNamespace();
    rollouts = await openRollouts();
  });

  let proxy: TcpProxy | undefined;

  afterAll(async () => {
    await proxy?.kill();
    await rollouts?.remove();
  });

  /** From one version to the other, in as little time as can be. */
  const between = (app: string, from: string, to: string): Promise<Rollout> => {
    const version = (name: string) => ({ name, deployment: `${app}-${name}` });
    return rollouts.write(
      { own, provider: 'istio', app },
      { stable: version(from), canary: version(to), steps: [10, 30, 60, 100], interval: '200ms' },
    );
  };

  const promotion = ['canary', 'start', '--wait', '--every', '100ms'] as const;

  test('is explained by status, and promote or abort always reaches what was asked', async () => {
    const { seed, random } = replayable('instants of SIGKILL');
    const app = 'mortal';
    const place = { own, provider: 'istio', app } as const;
    await deployApp(place);
    const manifest = join(own.stack.directory, `${own.name}-${app}.json`);
    await writeFile(manifest, JSON.stringify(routeOf(place).at(-1)));
    const gitops = ['apply', '--server-side', '--field-manager=gitops', '-f', manifest];
    await own.kubectl('delete', RESOURCES.istio, app);
    await own.kubectl(...gitops);

    const forth = await between(app, 'v1', 'v2');
    const back = await between(app, 'v2', 'v1');
    // Each answer of the API takes a while, so that kills fall between two requests.
    proxy = await startTcpProxy(own.connection.server, 15);
    const slowly = await proxied(own, proxy);
    const began = performance.now();
    ended(await forth.as(slowly).run(...promotion));
    let lasts = performance.now() - began;

    let [rollout, other] = [back, forth];
    const found: Record<string, number> = {};
    for (let kill = 1; kill <= KILLS;) {
      const running = await rollout.as(slowly).start(...promotion);
      const after = random() * lasts;
      await Promise.race([delay(after), running.finished]);
      running.signal('SIGKILL');
      const end = await running.finished;
      if (end.signal !== 'SIGKILL') {
        // Sooner done than the one that was measured.
        ended(end);
        lasts = Math.min(lasts, after);
        [rollout, other] = [other, rollout];
        continue;
      }

      const said = `kill ${kill} with seed ${seed}, after ${Math.round(after)} ms`;
      const status = await rollout.run('canary', 'status');
      ended(status);
      const { phase, weights, problems, next } = status.json().result;
      const object = await objectOf(place);
      const at = rollout === forth ? 1 : 0;
      expect(weights.canary, said).toBe((await weightsAt(place))[at]);
      // Between its two requests a change is unfinished, and status says so.
      if (object.metadata.annotations[OWNERS] !== undefined)
        expect(problems.join(), said).toContain('a change was cut short');
      else expect(problems, said).toEqual([]);
      if (phase === 'progressing') expect(JSON.stringify(next), said).toContain('canary abort');
      const key = `${phase} ${weights.canary}${problems.length > 0 ? ' unfinished' : ''}`;
      found[key] = (found[key] ?? 0) + 1;

      const promote = random() < 0.5;
      // Killed before its first write: nothing runs, and it is begun again.
      const isBegun = phase === 'progressing' || (phase === 'promoted' && weights.canary === 100);
      if (promote && !isBegun) ended(await rollout.run('canary', 'start', '--take-over'));
      const verb = promote ? ['promote', '--full'] : ['abort'];
      ended(await rollout.run('canary', verb[0]!, ...verb.slice(1), '--take-over'));
      const reached = promote || phase === 'promoted' ? 100 : 0;
      expect((await weightsAt(place))[at], said).toBe(reached);
      expect((await weightsAt(place))[1 - at], said).toBe(100 - reached);
      const state = await stateAt(place);
      if (isBegun || promote) expect(state.phase, said).toBe(reached === 100 ? 'promoted' : 'aborted');
      expect((await objectOf(place)).metadata.annotations, said).not.toHaveProperty(OWNERS);
      if (reached === 100) [rollout, other] = [other, rollout];
      kill++;
    }
    console.log(`seed ${seed}, killed within ${Math.round(lasts)} ms, found: ${JSON.stringify(found)}`);
    expect(Object.keys(found).length).toBeGreaterThan(3);
    // Whoever owned the weights before owns them still.
    await own.kubectl(...gitops);
    expect(await weightsAt(place)).toEqual([100, 0]);
  });
});

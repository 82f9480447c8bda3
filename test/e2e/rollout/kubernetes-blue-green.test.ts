import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import type { OwnNamespace } from '../../servers/kubernetes/own-namespace.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { ownNamespace } from '../../servers/shared.js';
import { startTraffic, type Traffic } from '../../servers/traffic.js';
import {
  analysisOf,
  begun,
  deployApp,
  ended,
  objectOf,
  openRollouts,
  type Provider,
  type Rollout,
  type Rollouts,
  stateAt,
  trafficTo,
  weightsAt,
} from './kubernetes-setup.js';

needs(
  'kubernetes',
  'envoy',
  'prometheus',
)('Blue-green', () => {
  let own: OwnNamespace;
  let rollouts: Rollouts;
  const streams: Traffic[] = [];

  beforeAll(async () => {
    own = await ownNamespace();
    rollouts = await openRollouts();
  });

  afterAll(async () => {
    await Promise.all(streams.map((stream) => stream.stop().catch(() => undefined)));
    await rollouts?.remove();
  });

  const place = (app: string, provider: Provider = 'service') => ({ own, provider, app });
  const form = 'blue-green';

  /** Where the version answers already: one of its pods. */
  const preview = async (app: string, version: string): Promise<string> => {
    const [pod] = await own.pods({ app, version });
    return `http://${pod.status.podIP}:8080/`;
  };

  /** Refuses with exit 3, and the object is the one it was. */
  const refused = async (rollout: Rollout, why: RegExp): Promise<void> => {
    const { metadata } = await objectOf(rollout);
    const end = await rollout.run('deploy', 'switch', '--watch', '1s');
    ended(end, 3);
    const { did, checks } = end.json().result;
    expect(did).toBe('not switched');
    const failed = checks.filter(({ verdict }: { verdict: string }) => verdict === 'failed');
    expect(failed.map(({ name, observed }: Record<string, string>) => `${name}: ${observed}`).join()).toMatch(
      why,
    );
    expect((await objectOf(rollout)).metadata.resourceVersion).toBe(metadata.resourceVersion);
  };

  test.concurrent('smoke tests at the preview address prove which version answers', async () => {
    const app = 'smoke';
    await deployApp(place(app));
    const [blue, green] = await Promise.all([preview(app, 'v1'), preview(app, 'v2')]);
    const bodyContains = 'v2 smoke-v2-';
    // A preview that answers well, but is the live version.
    await refused(
      await rollouts.write(place(app), { smoke: [{ url: blue, bodyContains }] }),
      /smoke 1: HTTP 200, body without 'v2 smoke-v2-': v1 smoke-v1-/,
    );
    await own.setBehaviour('v2', { health: false }, app);
    const healthz = { url: `${green}healthz`, bodyContains };
    const healthy = await rollouts.write(place(app), { smoke: [healthz] });
    await until('it is told', async () => (await fetch(healthz.url)).status === 503);
    await refused(healthy, /smoke \d: HTTP 503/);
    await own.setBehaviour('v2', { health: null }, app);
    await until('it is told', async () => (await fetch(healthz.url)).status === 200);
    ended(await healthy.run('deploy', 'switch', '--watch', '1s'));
    expect(await weightsAt(healthy)).toEqual([0, 100]);
  });

  test.concurrent(
    'a target that is not rolled out, or less ready than what is live, gets no traffic',
    async () => {
      const app = 'target';
      await deployApp(place(app), { replicas: 2 });
      const rollout = await rollouts.write(place(app));
      await own.deploy({ app, version: 'v2', replicas: 1 });
      await refused(rollout, /replicas v2: target-v2: 1 of 1 ready/);
      await own.deploy({ app, version: 'v2', replicas: 2, readyAfterMs: 3_600_000, wait: false });
      await until('the new pods are there', async () => (await own.pods({ app, version: 'v2' })).length > 2);
      await refused(rollout, /replicas v2: .*not rolled out/);
      await own.deploy({ app, version: 'v2', replicas: 2 });
      await own.setBehaviour('v2', { ready: false }, app);
      await until('they are not ready', async () => {
        const { status } = await own.get('apps/v1', 'Deployment', 'target-v2');
        return !status.readyReplicas;
      });
      await refused(rollout, /replicas v2: target-v2: 0 of 2 ready/);
      expect(await stateAt(rollout)).toBeUndefined();
    },
  );

  /** The watch that follows a switch finds the new colour sick, and traffic returns by itself. */
  const returned = async (rollout: Rollout, sicken: () => Promise<void>, why: RegExp): Promise<void> => {
    const running = await rollout.start('deploy', 'switch', '--watch', '60s');
    await begun(rollout, running, [0, 100]);
    await sicken();
    const end = await running.finished;
    ended(end, 3);
    const { phase, did, reason, live } = end.json().result;
    expect({ phase, did, live }).toEqual({ phase: 'aborted', did: 'returned to blue', live: 'blue' });
    expect(reason).toMatch(why);
    expect(await weightsAt(rollout)).toEqual([100, 0]);
    expect((await stateAt(rollout)).phase).toBe('aborted');
  };

  test.concurrent(
    'traffic returns by itself when a probe of the live address fails in the watch',
    async () => {
      const app = 'probed';
      const there = place(app, 'gateway-api');
      await deployApp(there);
      await (await trafficTo(there, 10)).stop();
      const url = `http://${own.stack.gatewayApi}/healthz`;
      const probes = [{ url, headers: { Host: own.host(app) } }];
      const rollout = await rollouts.write(there, { form, probes });
      await returned(rollout, () => own.setBehaviour('v2', { health: false }, app), /HTTP 503/);
    },
  );

  test.concurrent('traffic returns by itself when Prometheus tells of errors in the watch', async () => {
    const app = 'measured';
    const there = place(app, 'istio');
    await deployApp(there);
    streams.push(await trafficTo(there, 100));
    const rollout = await rollouts.write(there, { form, analysis: analysisOf(there) });
    await until('blue is measured', async () => {
      const counts = `http_requests_total{namespace="${own.name}",app="${app}"}`;
      return ((await own.promQuery(`sum(${counts})`))[0]?.value ?? 0) > 200;
    });
    await returned(rollout, () => own.setBehaviour('v2', { errors: 0.3 }, app), /errors: /);
  });

  test.concurrent(
    'the old colour is scaled down after the delay, and scaled up before it gets traffic again',
    async () => {
      const app = 'scaled';
      await deployApp(place(app), { replicas: 2 });
      // Pods that are scaled up take a while.
      await own.deploy({ app, version: 'v1', readyAfterMs: 1_500 });
      const rollout = await rollouts.write(place(app));
      const { connection, name: namespace } = own;
      const stream = await startTraffic({ service: { connection, namespace, name: app }, rate: 100 });
      streams.push(stream);
      const blue = () => own.get('apps/v1', 'Deployment', 'scaled-v1');

      // Without the delay it would be a matter of some seconds.
      const delayMs = 12_000;
      const down = ['--watch', '1s', '--scale-down', '--scale-down-delay', '12s'];
      const startedAt = performance.now();
      const running = await rollout.start('deploy', 'switch', ...down);
      await begun(rollout, running, [0, 100]);
      let scaledAt = 0;
      await until(
        'blue is scaled down',
        async () => {
          scaledAt = performance.now();
          return (await blue()).spec.replicas === 0;
        },
        { timeoutMs: 60_000 },
      );
      ended(await running.finished);
      // The API server's clock may be read a second late.
      expect(scaledAt - startedAt).toBeGreaterThan(delayMs - 1_500);
      expect((await stateAt(rollout)).scaledDown).toBe(2);
      await until('its pods are gone', async () => (await own.pods({ app, version: 'v1' })).length === 0);

      const back = await rollout.start('deploy', 'rollback');
      await begun(rollout, back, [100, 0]);
      ended(await back.finished);
      expect((await blue()).spec.replicas).toBe(2);
      expect((await blue()).status.readyReplicas).toBe(2);
      expect(await weightsAt(rollout)).toEqual([100, 0]);
      await delay(1_000);
      const report = await stream.stop();
      // Nothing was without an endpoint.
      expect(report.failures).toEqual({});
      expect(report.versions['v1']).toBeGreaterThan(0);
      expect(report.versions['v2']).toBeGreaterThan(0);
    },
  );
});

import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { httpRoute } from '../../servers/kubernetes/objects.js';
import type { OwnNamespace } from '../../servers/kubernetes/own-namespace.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { ownNamespace } from '../../servers/shared.js';
import { startTraffic, type Traffic, type TrafficReport } from '../../servers/traffic.js';
import {
  analysisOf,
  deployApp,
  ended,
  nameOf,
  openRollouts,
  type Provider,
  type Rollout,
  type Rollouts,
  stepUntil,
  trafficTo,
  weightsAt,
} from './kubernetes-setup.js';

/** Requests a second of each stream; every other one opens a connection of its own. */
const RATE = 500;
const SWITCHES = 20;
/** Requests that a share is taken from. */
const COUNTED = 10_000;

needs(
  'kubernetes',
  'envoy',
  'prometheus',
)('Not one request fails', () => {
  let own: OwnNamespace;
  let rollouts: Rollouts;
  const streams: Traffic[] = [];

  beforeAll(async () => {
    own = await ownNamespace();
    rollouts = await openRollouts();
    await Promise.all(
      (['istio', 'gateway-api', 'service'] as const).map((provider) =>
        deployApp({ own, provider, app: provider }, { replicas: 2 }),
      ),
    );
    const plain = httpRoute('service', own.host('service'), {});
    plain.spec.rules[0].backendRefs = [{ name: 'service', port: 80 }];
    await own.apply(plain);
  });

  afterAll(async () => {
    await Promise.all(streams.map((stream) => stream.stop().catch(() => undefined)));
    await rollouts?.remove();
  });

  const flow = async (begun: Promise<Traffic>): Promise<Traffic> => {
    const stream = await begun;
    streams.push(stream);
    return stream;
  };

  /** What was asked for, all answered well, and of how many it is said. */
  const unharmed = (name: string, report: TrafficReport, seconds: number): void => {
    const { sent, retried, failures } = report;
    const rate = Math.round(sent / seconds);
    console.log(`${name}: ${sent} requests, ${rate}/s, ${report.failed} failed, ${retried} sent again`);
    expect(failures).toEqual({});
    expect(report.outstanding).toBe(0);
    // Otherwise it was no stream, but a request now and then.
    expect(sent).toBeGreaterThan((RATE * seconds) / 2);
    expect(report.versions['v1']! + report.versions['v2']!).toBe(sent);
  };

  const switchAll = async (rollout: Rollout): Promise<void> => {
    for (let times = 0; times < SWITCHES; times++) {
      const [v1] = await weightsAt(rollout);
      ended(await rollout.run('deploy', 'switch', '--watch', '1s'));
      expect(await weightsAt(rollout)).toEqual(v1 === 100 ? [0, 100] : [100, 0]);
    }
  };

  /** Until istiod has told Envoy: of what arrives meanwhile, about the wanted share goes to v2. */
  const told = (stream: Traffic, wanted: number): Promise<void> =>
    until('Envoy has been told', async () => {
      const { versions: before } = await stream.snapshot();
      await delay(500);
      const { versions: after } = await stream.snapshot();
      const [v1, v2] = ['v1', 'v2'].map((name) => (after[name] ?? 0) - (before[name] ?? 0)) as [
        number,
        number,
      ];
      return v1 + v2 > 100 && Math.abs(v2 / (v1 + v2) - wanted) < 0.1;
    });

  /** Over 10,000 requests chance alone moves a half by 1 point once in 20 times; it is gone with more of them. */
  const shareOf = async (stream: Traffic, wanted: number): Promise<void> => {
    await told(stream, wanted);
    const from = await stream.snapshot();
    const answers = ({ versions }: TrafficReport) => (versions['v1'] ?? 0) + (versions['v2'] ?? 0);
    let share = NaN;
    for (let round = 1; round <= 4; round++) {
      let report = from;
      while (answers(report) - answers(from) < round * COUNTED) {
        await delay(200);
        report = await stream.snapshot();
      }
      const ofCanary = (report.versions['v2'] ?? 0) - (from.versions['v2'] ?? 0);
      share = ofCanary / (answers(report) - answers(from));
      if (Math.abs(share - wanted) <= 0.01) break;
    }
    expect(Math.abs(share - wanted)).toBeLessThanOrEqual(0.01);
  };

  test.concurrent.each(['istio', 'gateway-api'] as const)(
    'provider %s: a canary is promoted and one aborted, and blue-green switches 20 times',
    async (provider: Provider) => {
      const place = { own, provider, app: provider };
      const stream = await flow(trafficTo(place, RATE));
      const began = performance.now();
      const canary = await rollouts.write(place, {
        steps: [10, 50, 100],
        analysis: { ...analysisOf(place), maxErrorIncrease: '2%' },
      });
      ended(await canary.run('canary', 'start'));
      expect(await weightsAt(place)).toEqual([90, 10]);
      await shareOf(stream, 0.1);
      await stepUntil(canary, [50, 50]);
      await shareOf(stream, 0.5);
      await stepUntil(canary, [0, 100]);

      const pair = { stable: 'v2', canary: 'v1' };
      const [stable, next] = [pair.stable, pair.canary].map((version) => ({
        name: nameOf(place, version),
        deployment: `${provider}-${version}`,
      }));
      const back = await rollouts.write(place, { stable, canary: next, steps: [30, 100] });
      ended(await back.run('canary', 'start'));
      expect(await weightsAt(place)).toEqual([30, 70]);
      await told(stream, 0.7);
      ended(await back.run('canary', 'abort'));
      expect(await weightsAt(place)).toEqual([0, 100]);

      await switchAll(await rollouts.write(place, { form: 'blue-green' }));
      unharmed(provider, await stream.stop(), (performance.now() - began) / 1_000);
    },
  );

  test('provider service: blue-green switches 20 times', async () => {
    const place = { own, provider: 'service', app: 'service' } as const;
    const { connection, name: namespace } = own;
    const followed = { connection, namespace, name: 'service' };
    const both = await Promise.all([
      flow(startTraffic({ service: followed, rate: RATE })),
      flow(trafficTo(place, RATE)),
    ]);
    const began = performance.now();
    await switchAll(await rollouts.write(place));
    const seconds = (performance.now() - began) / 1_000;
    const reports = await Promise.all(both.map((stream) => stream.stop()));
    unharmed('EndpointSlices', reports[0]!, seconds);
    unharmed('Envoy', reports[1]!, seconds);
  });
});

import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { type Behaviour, isReady, type OwnNamespace } from '../../servers/kubernetes/own-namespace.js';
import { needs } from '../../servers/needs.js';
import { until } from '../../servers/ports.js';
import { ownNamespace } from '../../servers/shared.js';
import { startTraffic, type Traffic } from '../../servers/traffic.js';
import type { Running } from '../run.js';
import {
  analysisOf,
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
import { startTcpProxy } from './tcp-proxy.js';

/** More requests than there ever are, for steps that must not end before something happens. */
const NEVER = 1_000_000;

interface Check {
  readonly name: string;
  readonly verdict: string;
  readonly observed: string;
  readonly numbers?: Readonly<Record<string, number>>;
}

needs(
  'kubernetes',
  'envoy',
  'prometheus',
)('The verdict on a canary', () => {
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

  const deploy = async (
    app: string,
    behaviour: { v1?: Behaviour; v2?: Behaviour; replicas?: number } = {},
    provider: Provider = 'istio',
  ) => {
    const place = { own, provider, app };
    await deployApp(place, behaviour);
    return place;
  };

  const flow = async (place: Parameters<typeof trafficTo>[0], rate = 200): Promise<Traffic> => {
    const stream = await trafficTo(place, rate);
    streams.push(stream);
    return stream;
  };

  /** When the command looked at the step and found requests of both versions. */
  const counted = async (rollout: Rollout, running: Running): Promise<void> => {
    let ended: string | undefined;
    void running.finished.then(({ code, stderr }) => (ended = `it ended with ${code}: ${stderr}`));
    await until(
      'requests are counted',
      async () => {
        if (ended !== undefined) throw new Error(ended);
        const state = await stateAt(rollout);
        return (state?.checks ?? []).some(
          ({ name, verdict }: Check) => name === 'requests' && verdict === 'waiting',
        );
      },
      { timeoutMs: 120_000, everyMs: 200 },
    );
  };

  /** When Prometheus knows all that the pods of an app without traffic have counted. */
  const settled = ({ app }: { app: string }): Promise<void> =>
    until(
      `Prometheus knows the counts of ${app}`,
      async () => {
        const pods = await own.pods({ app });
        const texts = await Promise.all(
          pods.map(async ({ status }) => (await fetch(`http://${status.podIP}:8080/metrics`)).text()),
        );
        const counts = await own.promQuery(`http_requests_total{namespace="${own.name}",app="${app}"}`);
        const known = counts.map(({ metric, value }) => `${metric['pod']} ${metric['code']} ${value}`);
        const names = new Set(pods.map(({ metadata }) => metadata.name));
        const wanted = texts.flatMap((text) =>
          [...text.matchAll(/^http_requests_total\{(.*)\} (\d+)$/gm)].map(([, labels = '', value]) => {
            const label = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1];
            return `${label('pod')} ${label('code')} ${value}`;
          }),
        );
        const present = known.filter((line) => names.has(line.split(' ')[0]!));
        return present.sort().join() === wanted.sort().join();
      },
      { timeoutMs: 60_000, everyMs: 200 },
    );

  const checkOf = ({ checks }: { checks: Check[] }, name: string): Check =>
    checks.find((check) => check.name === name)!;

  /** Follows the command that rejects a canary: all traffic is on stable within moments of the verdict. */
  const rejected = async (rollout: Rollout, running: Running, stream: Traffic, metric: string) => {
    running.child.stdin.end();
    let seenAt: number | undefined;
    let finished = false;
    const watching = (async () => {
      let begun = false;
      while (!finished && seenAt === undefined) {
        const [v1] = await weightsAt(rollout);
        begun ||= v1 < 100;
        if (begun && v1 === 100) seenAt = Date.now();
        await delay(50);
      }
    })();
    const end = await running.finished;
    finished = true;
    await watching;
    ended(end, 3);
    const { verdict, result } = end.json();
    expect(verdict).toBe('failed');
    expect(result).toMatchObject({ phase: 'aborted', verdict: 'rejected', did: 'rejected' });
    expect(checkOf(result, metric)).toMatchObject({ verdict: 'failed' });
    expect(result.reason).toContain(metric);
    expect(await weightsAt(rollout)).toEqual([100, 0]);
    expect((await stateAt(rollout)).phase).toBe('aborted');
    const judgedAt = Date.parse(result.history.at(-1).at);
    // About half a second.
    expect((seenAt ?? Date.now()) - judgedAt).toBeLessThan(15_000);
    // Envoy is told within moments, and then no request reaches it any more.
    const ofCanary = async () => (await stream.snapshot()).versions['v2'];
    await until('the canary gets no traffic', async () => {
      const before = await ofCanary();
      await delay(1_000);
      return (await ofCanary()) === before;
    });
    const before = await ofCanary();
    await delay(1_000);
    expect(await ofCanary()).toBe(before);
    return result;
  };

  test.concurrent('with 5% errors is: rejected', async () => {
    const place = await deploy('errors', { v2: { errors: 0.05 } });
    const stream = await flow(place);
    const rollout = await rollouts.write(place, { analysis: analysisOf(place) });
    const result = await rejected(
      rollout,
      await rollout.start('canary', 'start', '--wait'),
      stream,
      'errors',
    );
    expect(checkOf(result, 'errors').observed).toMatch(/\d/);
  });

  test.concurrent('with three times the latency is: rejected', async () => {
    // Half to one and a half of it: stable below 250 ms, a good part of the canary above 500 ms.
    const place = await deploy('slow', { v1: { latencyMs: 140 }, v2: { latencyMs: 420 } }, 'gateway-api');
    const stream = await flow(place);
    const metric = (name: string, more = '') =>
      `sum(http_request_duration_seconds_${name}{namespace="${own.name}",app="slow"${more}})`;
    await until(
      'stable is measured, and what was slow when it started counts for little',
      async () => {
        const share = `${metric('bucket', ',le="0.25"')} / ${metric('count')}`;
        const calm = await own.promQuery(`${metric('count')} > 400 and ${share} > 0.98`);
        return calm.length > 0;
      },
      { timeoutMs: 120_000, everyMs: 200 },
    );
    const rollout = await rollouts.write(place, { analysis: analysisOf(place, true) });
    const running = await rollout.start('canary', 'start', '--wait');
    const result = await rejected(rollout, running, stream, 'latency');
    expect(checkOf(result, 'errors').verdict).not.toBe('failed');
    // What it rests on: both bounds, and the shares above them.
    expect(result.reason).toMatch(/500ms.* 250ms/s);
  });

  test.concurrent.each([
    ['abort', 'aborted', [100, 0]],
    ['hold', 'holding', [50, 50]],
  ] as const)(
    'without traffic, onInconclusive %s, is: inconclusive, and the phase %s',
    async (onInconclusive, phase, weights) => {
      const place = await deploy(`silent-${onInconclusive}`);
      const rollout = await rollouts.write(place, {
        interval: '2s',
        analysis: { ...analysisOf(place), maxInconclusive: 2, onInconclusive },
      });
      const end = await rollout.run('canary', 'start', '--wait');
      ended(end, 7);
      expect(end.json()).toMatchObject({ verdict: 'inconclusive', result: { phase } });
      expect(end.json().result.reason).toContain('no data');
      expect(await weightsAt(place)).toEqual(weights);
      expect((await stateAt(place)).phase).toBe(phase);
      if (phase !== 'holding') return;
      // It continues from there, and gives up again.
      const again = await rollout.run('canary', 'resume', '--wait');
      ended(again, 7);
      ended(await rollout.run('canary', 'abort'));
      expect(await weightsAt(place)).toEqual([100, 0]);
    },
  );

  test.concurrent('whose metrics vanish midway is: inconclusive', async () => {
    const place = await deploy('vanish');
    await flow(place, 100);
    const rollout = await rollouts.write(place, {
      // The first scrape of a new version takes its time.
      interval: '16s',
      analysis: { ...analysisOf(place), minRequests: NEVER, maxInconclusive: 2 },
    });
    const running = await rollout.start('canary', 'start', '--wait', '--every', '1s');
    await counted(rollout, running);
    await own.setBehaviour('v2', { metrics: false }, place.app);
    const end = await running.finished;
    ended(end, 7);
    expect(checkOf(end.json().result, 'requests')).toMatchObject({
      verdict: 'no-data',
      observed: expect.stringContaining('canary') as string,
    });
    expect(end.json().result.phase).toBe('aborted');
    expect(await weightsAt(place)).toEqual([100, 0]);
  });

  test.concurrent('whose Prometheus dies midway is: inconclusive', async () => {
    const place = await deploy('blind');
    await flow(place, 100);
    const proxy = await startTcpProxy(own.stack.prometheus);
    const rollout = await rollouts.write(place, {
      interval: '12s',
      analysis: {
        ...analysisOf(place),
        prometheus: proxy.url,
        minRequests: NEVER,
        maxInconclusive: 2,
        onInconclusive: 'hold',
      },
    });
    const running = await rollout.start('canary', 'start', '--wait', '--every', '1s');
    await counted(rollout, running);
    await proxy.kill();
    const end = await running.finished;
    ended(end, 7);
    const { result } = end.json();
    expect(result.phase).toBe('holding');
    expect(checkOf(result, 'requests')).toMatchObject({ verdict: 'no-data' });
    expect(checkOf(result, 'requests').observed).toContain(new URL(proxy.url).host);
    expect(await weightsAt(place)).toEqual([50, 50]);
  });

  test.concurrent('that is no worse than an unhealthy stable is: promoted, with a warning', async () => {
    const place = await deploy('sick', { v1: { errors: 0.2 }, v2: { errors: 0.2 } });
    await flow(place);
    const rollout = await rollouts.write(place, {
      analysis: { ...analysisOf(place), maxErrorIncrease: '10%' },
    });
    const end = await rollout.run('canary', 'start', '--wait');
    ended(end);
    expect(end.json().result).toMatchObject({ phase: 'promoted', did: 'promoted' });
    expect(end.json().warnings.join('\n')).toContain('stable itself is unhealthy');
    expect(await weightsAt(place)).toEqual([0, 100]);
  });

  test.concurrent(
    'whose counters reset, because its pods restart, is: judged by what really was',
    async () => {
      const errors = 0.2;
      const place = await deploy('reset', { v1: { errors }, v2: { errors }, replicas: 2 });
      const gateway = { url: `http://${own.stack.istioGateway}/`, host: own.host(place.app) };
      const truth = { v1: 0, v2: 0, e1: 0, e2: 0 };
      const burst = async (durationMs: number): Promise<void> => {
        const report = await (await startTraffic({ ...gateway, rate: 300, durationMs })).finished;
        truth.v1 += report.versions['v1'] ?? 0;
        truth.v2 += report.versions['v2'] ?? 0;
        truth.e1 += report.failures['status 500 of v1'] ?? 0;
        truth.e2 += report.failures['status 500 of v2'] ?? 0;
        // The gateway may still have the address of a pod that is gone: no pod counts such a request.
        expect(report.outstanding).toBe(0);
        await settled(place);
      };
      const warmUp = await flow(place, 300);
      await delay(1_000);
      await warmUp.stop();
      await settled(place);
      const rollout = await rollouts.write(place, {
        interval: '1s',
        analysis: { ...analysisOf(place), maxErrorIncrease: '15%', minRequests: 500 },
      });
      ended(await rollout.run('canary', 'start'));
      await delay(1_500);
      await burst(6_000);
      await own.setBehaviour('v1', { restart: 'once' }, place.app);
      await own.setBehaviour('v2', { restart: 'once' }, place.app);
      await delay(1_000);
      // Shorter: a counter that is born again must not pass its old value between two scrapes.
      await burst(2_000);
      const [gone] = await own.pods({ app: place.app, version: 'v2' });
      await own.kubectl('delete', 'pod', gone.metadata.name);
      await until(
        'another pod has taken its place',
        async () => {
          const pods = await own.pods({ app: place.app, version: 'v2' });
          const names = pods.filter(isReady).map(({ metadata }) => metadata.name);
          return names.length === 2 && !names.includes(gone.metadata.name);
        },
        { timeoutMs: 60_000, everyMs: 50 },
      );
      await burst(2_000);
      await own.setBehaviour('v2', { restart: 'twice' }, place.app);
      await settled(place);

      const end = await rollout.run('canary', 'step');
      ended(end);
      const { result } = end.json();
      // The promoted state has the checks of the look that promoted it.
      expect(checkOf(result, 'requests').numbers).toEqual({ canary: truth.v2, stable: truth.v1 });
      expect(checkOf(result, 'errors').numbers).toMatchObject({ canary: truth.e2, stable: truth.e1 });
      expect(result.phase).toBe('promoted');
      expect(await weightsAt(place)).toEqual([0, 100]);
    },
  );

  test.concurrent.each(['cron', '--wait'] as const)(
    'that is as good as stable, driven by %s, is: promoted',
    async (driver) => {
      const place = await deploy(driver === 'cron' ? 'good' : 'followed');
      await flow(place);
      const rollout = await rollouts.write(place, {
        steps: [20, 50, 100],
        interval: '2s',
        analysis: { ...analysisOf(place), maxErrorIncrease: '3%' },
      });
      const said: string[] = [];
      if (driver === '--wait') {
        const end = await rollout.run('canary', 'start', '--wait');
        ended(end);
        expect(end.json().result.did).toBe('promoted');
      } else {
        ended(await rollout.run('canary', 'start'));
        await until(
          'it is promoted',
          async () => {
            const end = await rollout.run('canary', 'step');
            ended(end);
            said.push(end.json().result.did);
            return end.json().result.phase === 'promoted';
          },
          { timeoutMs: 120_000, everyMs: 1_000 },
        );
        expect(said).toContain('advanced to 50/50');
        // Cron continues: nothing is left to do.
        const more = await rollout.run('canary', 'step');
        ended(more);
        expect(more.json().result.did).toBe('nothing runs');
      }
      expect(await weightsAt(place)).toEqual([0, 100]);
      const { phase, history } = await stateAt(place);
      expect(phase).toBe('promoted');
      expect(history.map(({ to }: { to: { canary: number } }) => to.canary)).toEqual([20, 50, 100]);
      const again = await rollout.run('canary', 'start');
      ended(again, 4);
      expect(again.stderr + again.stdout).toContain('was promoted already');
      expect((await objectOf(place)).metadata.annotations).not.toHaveProperty('metrify.dev/rollout-owners');
    },
  );
});

import { describe, expect, it } from 'vitest';

import { Interrupted, ServiceUnavailable } from '../../../src/lib/core/errors.js';
import { rollback, switchTo } from '../../../src/lib/rollout/blue-green/switch.js';
import { follow } from '../../../src/lib/rollout/canary/follow.js';
import { start } from '../../../src/lib/rollout/canary/start.js';
import { abort, pause } from '../../../src/lib/rollout/canary/stop.js';
import { planHash } from '../../../src/lib/rollout/plan-hash.js';
import { rehearse } from '../../../src/lib/rollout/rehearsal.js';
import { report } from '../../../src/lib/rollout/report.js';
import { Session } from '../../../src/lib/rollout/session.js';
import { decodeState, encodeState } from '../../../src/lib/rollout/state.js';
import { failureOf } from '../../../src/runtime/failure.js';
import { measured } from './example-analysis.js';
import { exampleState } from './example-state.js';
import {
  actorOf,
  FakeMeter,
  MemoryRoute,
  MemoryWorkloads,
  openRun,
  pair,
  rolloutSpec,
  SleepingClock,
  type Surroundings,
} from './memory.js';

const blueGreen = rolloutSpec({
  provider: 'service',
  canary: undefined,
  versions: pair('b', 'g', ['blue', 'green']),
});

function world() {
  const clock = new SleepingClock();
  const route = new MemoryRoute(clock);
  const workloads = new MemoryWorkloads();
  const meter = new FakeMeter();
  const warnings: string[] = [];
  const open = (more: Partial<Surroundings> = {}) =>
    Session.open(actorOf({ route, workloads, warnings, versions: blueGreen.versions, ...more }));
  const switched = async (more: { spec?: typeof blueGreen; signal?: AbortSignal; scaleDown?: true } = {}) => {
    const { spec = { ...blueGreen, analysis: undefined }, signal, scaleDown } = more;
    return switchTo(
      {
        spec,
        session: await open(signal && { signal }),
        meter: spec.analysis && meter,
        watchMs: 60_000,
        scaleDownAfterMs: scaleDown && 0,
        hash: planHash(spec),
      },
      'green',
      { saw() {} },
    );
  };
  return {
    clock,
    route,
    workloads,
    meter,
    warnings,
    open,
    switched,
    state: () => decodeState(route.state!, ''),
  };
}

describe('a route that was opened for one pair, and has a rollout of another', () => {
  const running = { ...exampleState, versions: pair('v2', 'v3'), weights: { stable: 90, canary: 10 } };
  const promoted = { ...exampleState, phase: 'promoted', weights: { stable: 0, canary: 100 } } as const;

  it.each([
    ['abort', abort],
    ['pause', pause],
  ])('is left as it is by %s: it started after the versions were read', async (_, verb) => {
    const made = world();
    made.route.edit({ state: encodeState(running), weights: running.weights });
    const session = await made.open({ versions: pair('v1', 'v2') });
    await expect(verb(session)).rejects.toMatchObject({ code: 'OTHER_PAIR', exitCode: 4 });
    expect(made.route.commits).toBe(0);
  });

  it('is not mended with the weights of that other one', async () => {
    const made = world();
    made.route.edit({ state: encodeState(promoted), weights: promoted.weights, unfinished: true });
    const session = await made.open({ versions: pair('v2', 'v3') });
    expect((await abort(session)).did).toBe('nothing runs');
    await expect(session.mend()).rejects.toMatchObject({ hint: expect.stringMatching(/canary abort/) });
    expect(made.route.commits).toBe(0);
    const own = await made.open({ versions: pair('v1', 'v2') });
    await own.mend();
    expect(made.route).toMatchObject({ weights: promoted.weights, unfinished: false });
  });

  it('keeps the weights that somebody set after a change was cut short', async () => {
    const made = world();
    const weights = { stable: 100, canary: 0 };
    made.route.edit({ state: encodeState(promoted), weights, unfinished: true });
    const session = await made.open({ versions: pair('v1', 'v2') });
    await abort(session);
    await session.mend();
    expect(made.route).toMatchObject({ weights, unfinished: false });
  });
});

describe('an API server that is away for a moment', () => {
  const away = new ServiceUnavailable('Kubernetes cannot be reached: connection refused');

  it('ends no watch', async () => {
    const made = world();
    made.workloads.failures = new Map([[5, away]]);
    expect((await made.switched()).did).toBe('switched to green');
  });

  it('keeps no traffic on a colour that was rejected', async () => {
    const made = world();
    made.meter.finding = 'sick';
    made.workloads.failures = new Map([4, 5, 6].map((call) => [call, away]));
    expect((await made.switched({ spec: blueGreen })).did).toBe('returned to blue');
    expect(made.route.weights).toEqual({ stable: 100, canary: 0 });
  });
});

it('a meter that is away when the traffic is switched is asked again what was before', async () => {
  const made = world();
  let looks = 0;
  made.meter.look = (...[since]: Parameters<FakeMeter['look']> | [number]) => {
    if (++looks === 1) throw new ServiceUnavailable('Prometheus is away');
    // The old colour has no requests any more.
    const isBefore = since! < made.state().stepStartedAt;
    const stable = isBefore ? measured(50_000, 50) : measured(0);
    return Promise.resolve({
      counts: { stable, canary: measured(50_000, 50) },
      tally: undefined,
      warnings: [],
    });
  };
  expect(await made.switched({ spec: blueGreen })).toMatchObject({ ending: 'ok', did: 'switched to green' });
});

describe('whoever is stopped', () => {
  it('in the middle of a rejection is told when it could not be done, and holds nothing', async () => {
    const made = world();
    await start(await openRun(made, made.meter));
    made.meter.finding = 'sick';
    const stop = new AbortController();
    const run = await openRun({ ...made, signal: stop.signal }, made.meter);
    made.route.commit = (_, __, signal) => {
      stop.abort(new Interrupted('SIGTERM'));
      signal.throwIfAborted();
      throw new ServiceUnavailable('the API server is away');
    };
    const error = await follow(run, { everyMs: 1000, saw() {} }).catch((thrown: unknown) => thrown);
    expect(failureOf(error, stop.signal)).toMatchObject({
      code: 'ROLLBACK_FAILED',
      exitCode: 5,
      hint: expect.stringMatching(/canary abort/),
    });
    expect(made.warnings).toEqual([]);
  });

  it('between a rejection of green and its return has blue back all the same', async () => {
    const made = world();
    made.meter.finding = 'sick';
    const stop = new AbortController();
    made.workloads.called = (call) => {
      if (call === 4) stop.abort(new Interrupted('SIGINT'));
    };
    const seen = await made.switched({ spec: blueGreen, signal: stop.signal });
    expect(stop.signal.aborted).toBe(true);
    expect(seen.did).toBe('returned to blue');
    expect(made.route.weights).toEqual({ stable: 100, canary: 0 });
  });

  it('while the answer to a change is on its way holds what became of it', async () => {
    const made = world();
    made.meter.finding = 'little';
    await start(await openRun(made, made.meter));
    const stop = new AbortController();
    const run = await openRun({ ...made, signal: stop.signal }, made.meter);
    const commit = made.route.commit.bind(made.route);
    made.route.commit = async (...asked) => {
      const view = await commit(...asked);
      if (stop.signal.aborted) return view;
      stop.abort(new Interrupted('SIGINT'));
      throw stop.signal.reason;
    };
    await expect(follow(run, { everyMs: 1000, saw() {} })).rejects.toMatchObject({ exitCode: 130 });
    expect(made.state().phase).toBe('holding');
    expect(made.warnings).toEqual([]);
  });
});

it('a rehearsed rollback has the replicas that it would have', async () => {
  const made = world();
  await made.switched({ scaleDown: true });
  expect(made.workloads.scaled).toEqual([['web-b', 0]]);
  const before = made.clock.now();
  const { versions } = blueGreen;
  const actor = actorOf({ ...made, versions });
  const { provider, changes } = rehearse(actor.provider);
  const session = await Session.open({ ...actor, provider });
  expect((await rollback({ spec: blueGreen, session })).did).toBe('returned to blue');
  expect(changes.map(({ object }) => object)).toEqual(['Deployment web-b/scale', 'Route web']);
  expect(made.clock.now() - before).toBeLessThan(1000);
});

it('a canary may start where colours were switched there and back', async () => {
  const made = world();
  await made.switched();
  await rollback({ spec: blueGreen, session: await made.open() });
  await switchTo(
    {
      spec: { ...blueGreen, analysis: undefined },
      session: await made.open(),
      meter: undefined,
      watchMs: 0,
      scaleDownAfterMs: undefined,
      hash: 'x',
    },
    'blue',
    { saw() {} },
  );
  const spec = rolloutSpec({ versions: pair('b', 'g') });
  expect((await start(await openRun(made, made.meter, spec))).did).toBe('started g');
});

it('an abort says what it leaves, where no rollout runs and the canary has traffic', async () => {
  const made = world();
  made.route.edit({ weights: { stable: 90, canary: 10 } });
  const versions = pair('v1', 'v2');
  expect((await abort(await made.open({ versions }))).warnings.join()).toMatch(/gives v2 10%.*no rollout/);
  const promoted = { ...exampleState, phase: 'promoted', weights: { stable: 0, canary: 100 } } as const;
  made.route.edit({ state: encodeState(promoted), weights: promoted.weights });
  expect((await abort(await made.open({ versions }))).warnings.join()).toContain(
    'metrify canary start web --stable v2=web-v2 --canary v1=web-v1 --steps 100',
  );
});

it('what status prints next takes the lease over from whoever holds it', async () => {
  const made = world();
  const run = await openRun(made, made.meter);
  await start(run);
  await Session.hold(actorOf({ ...made, name: 'bob@laptop (2)' }), async () => {
    const { next, holder } = await report(await made.open({ versions: pair() }), rolloutSpec());
    expect(holder).toBe('bob@laptop (2)');
    expect(next.map(({ command }) => command)).toContain('metrify canary abort web --take-over');
  });
  const { next } = await report(await made.open({ versions: pair() }), rolloutSpec());
  expect(next.map(({ command }) => command).join()).not.toMatch(/undefined|take-over/);
});

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { ServiceConflict, UserError } from '../../../src/lib/core/errors.js';
import type { BlueGreenRun } from '../../../src/lib/rollout/blue-green/run.js';
import { rollback, switchTo } from '../../../src/lib/rollout/blue-green/switch.js';
import { planHash } from '../../../src/lib/rollout/plan-hash.js';
import { Session } from '../../../src/lib/rollout/session.js';
import type { Colour, RolloutSpec } from '../../../src/lib/rollout/spec.js';
import { decodeState, encodeState } from '../../../src/lib/rollout/state.js';
import { exampleState } from './example-state.js';
import { analysis } from './example-analysis.js';
import {
  actorOf,
  FakeMeter,
  Killed,
  MemoryRoute,
  MemoryWorkloads,
  pair,
  rolloutSpec,
  SleepingClock,
  type Surroundings,
} from './memory.js';

const allOnBlue = { stable: 100, canary: 0 };
const allOnGreen = { stable: 0, canary: 100 };

/** What users get. */
let server: Server;
let answers: number[] = [];
let probe: RolloutSpec['probes'][number];
beforeAll(async () => {
  server = createServer((_, response) => response.writeHead(answers.shift() ?? 200).end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  probe = { url, status: 200, bodyContains: undefined, headers: {}, timeoutMs: 10_000 };
});
afterAll(() => server.close());

class World {
  readonly clock = new SleepingClock();
  readonly route = new MemoryRoute(this.clock);
  readonly workloads = new MemoryWorkloads();
  readonly meter = new FakeMeter();
  readonly warnings: string[] = [];
  spec = rolloutSpec({
    provider: 'service',
    canary: undefined,
    analysis: undefined,
    versions: pair('b', 'g', ['blue', 'green']),
  });
  watchMs = 10_000;
  scaleDownAfterMs: number | undefined;

  get state() {
    return decodeState(this.route.state!, '');
  }

  async run(more: Partial<Surroundings> = {}): Promise<BlueGreenRun> {
    const { route, workloads, warnings, spec, watchMs, scaleDownAfterMs } = this;
    const session = await Session.open(
      actorOf({ route, workloads, warnings, versions: spec.versions, ...more }),
    );
    const meter = spec.analysis && this.meter;
    return { spec, session, meter, watchMs, scaleDownAfterMs, hash: planHash(spec) };
  }

  async switch(to?: Colour, saw = () => {}) {
    return switchTo(await this.run(), to, { saw });
  }

  async rollback() {
    return rollback(await this.run());
  }
}

let world: World;
beforeEach(() => {
  world = new World();
  answers = [];
});

describe('a switch', () => {
  it('gives the other colour everything, and is over when the watch has passed', async () => {
    world.spec = { ...world.spec, probes: [probe] };
    expect(await world.switch()).toMatchObject({ ending: 'ok', did: 'switched to green' });
    expect(world.route.weights).toEqual(allOnGreen);
    expect(world.state).toMatchObject({ phase: 'promoted', kind: 'blue-green', to: 'canary' });
    expect(world.state.history.map(({ action, verdict }) => [action, verdict])).toEqual([
      ['switch', 'checks passed'],
      ['promote', 'passed'],
    ]);
    expect(world.warnings.join()).toMatch(/not proved that the new version answers/);
    // And back, by the same word.
    expect(await world.switch()).toMatchObject({ did: 'switched to blue' });
    expect(world.route.weights).toEqual(allOnBlue);
  });

  it('to what is live does nothing', async () => {
    expect(await world.switch('blue')).toMatchObject({ ending: 'ok', did: 'blue is live already' });
    expect(world.route.commits).toBe(0);
  });

  it('is refused where both have traffic', async () => {
    world.route.edit({ weights: { stable: 99.5, canary: 0.5 } });
    await expect(world.switch()).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(/99.5 to 0.5/),
    });
    expect(world.route.commits).toBe(0);
  });

  it.each([
    ['fewer replicas than the live colour', (it: World) => it.workloads.ready.set('web-g', 2)],
    [
      'a smoke test that fails',
      (it: World) => {
        it.spec = { ...it.spec, smoke: [{ ...probe, bodyContains: 'green' }] };
      },
    ],
  ])('is not made with %s', async (_, spoil) => {
    spoil(world);
    expect(await world.switch()).toMatchObject({ ending: 'failed', did: 'not switched' });
    expect(world.route.commits).toBe(0);
  });

  it('is watched again after its process was killed, by the same plan only', async () => {
    world.route.faults = ['killed after'];
    await expect(world.switch()).rejects.toBeInstanceOf(Killed);
    expect(world.state.phase).toBe('progressing');
    await expect(world.switch('blue')).rejects.toMatchObject({
      exitCode: 4,
      hint: expect.stringMatching(/deploy rollback web/),
    });
    const spec = world.spec;
    world.spec = { ...spec, probes: [probe] };
    await expect(world.switch()).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(/plan/),
    });
    world.spec = spec;
    expect(await world.switch()).toMatchObject({ did: 'switched to green' });
    expect(world.state.phase).toBe('promoted');
  });

  it('whose process was killed goes back too', async () => {
    world.route.faults = ['killed after'];
    await expect(world.switch()).rejects.toBeInstanceOf(Killed);
    expect(await world.rollback()).toMatchObject({ ending: 'ok', did: 'returned to blue' });
    expect(world.route.weights).toEqual(allOnBlue);
    expect(await world.rollback()).toMatchObject({
      ending: 'ok',
      did: expect.stringMatching(/nothing to do: blue/),
    });
  });

  it('is stopped in its watch, and leaves what stands', async () => {
    const stopping = new AbortController();
    const reason = new UserError('stopped by SIGINT');
    const switching = switchTo(await world.run({ signal: stopping.signal }), undefined, {
      saw: () => world.route.commits > 0 && stopping.abort(reason),
    });
    await expect(switching).rejects.toBe(reason);
    expect(world.state).toMatchObject({ phase: 'progressing', weights: allOnGreen });
  });

  it.each(['progressing', 'paused', 'holding', 'failed'] as const)(
    'is refused while a canary is %s',
    async (phase) => {
      world.route.edit({ state: encodeState({ ...exampleState, phase }) });
      for (const refused of [world.switch(), world.rollback()])
        await expect(refused).rejects.toMatchObject({
          exitCode: 4,
          hint: expect.stringMatching(/canary abort web/),
        });
      expect(world.route.commits).toBe(0);
    },
  );
});

describe('the watch', () => {
  it('forgives one failure, and returns at the second in a row', async () => {
    world.spec = { ...world.spec, probes: [probe] };
    answers = [200, 500, 200, 500, 200];
    expect((await world.switch()).did).toBe('switched to green');
    await world.switch('blue');
    answers = [200, 503, 503];
    expect(await world.switch()).toMatchObject({ ending: 'failed', did: 'returned to blue' });
    expect(world.route.weights).toEqual(allOnBlue);
    expect(world.state).toMatchObject({ phase: 'aborted', reason: expect.stringMatching(/HTTP 503/) });
    expect(world.state.history.at(-1)).toMatchObject({ action: 'rollback', verdict: 'rejected' });
  });

  it('looks once more when its last look failed', async () => {
    world.spec = { ...world.spec, probes: [probe] };
    world.watchMs = 3000;
    answers = [200, 200, 500, 500];
    expect(await world.switch()).toMatchObject({ ending: 'failed' });
    answers = [200, 200, 500, 200];
    expect(await world.switch()).toMatchObject({ ending: 'ok' });
  });

  it('returns when the new colour has no replica any more', async () => {
    const seen = await world.switch(
      'green',
      () => world.route.commits > 0 && world.workloads.ready.set('web-g', 0),
    );
    expect(seen).toMatchObject({ ending: 'failed', did: 'returned to blue' });
  });

  it.each([
    ['sick', 'failed', allOnBlue, 'aborted'],
    ['healthy', 'ok', allOnGreen, 'promoted'],
    ['nothing', 'inconclusive', allOnBlue, 'aborted'],
    ['away', 'inconclusive', allOnBlue, 'aborted'],
  ] as const)('by an analysis that finds %s: %s', async (finding, ending, weights, phase) => {
    world.spec = { ...world.spec, analysis };
    world.meter.finding = finding;
    expect((await world.switch()).ending).toBe(ending);
    expect(world.route.weights).toEqual(weights);
    expect(world.state.phase).toBe(phase);
  });

  it('that cannot decide leaves the traffic where the file says so', async () => {
    world.spec = { ...world.spec, analysis: { ...analysis, onInconclusive: 'hold' } };
    world.meter.finding = 'little';
    expect((await world.switch()).ending).toBe('inconclusive');
    expect(world.route.weights).toEqual(allOnGreen);
  });
});

describe('the old colour', () => {
  it('is scaled down only where asked, after its delay, and gets its replicas back before traffic', async () => {
    await world.switch();
    expect(world.workloads.scaled).toEqual([]);
    await world.rollback();

    world.scaleDownAfterMs = 60_000;
    const before = world.clock.now();
    await world.switch();
    expect(world.workloads.scaled).toEqual([['web-b', 0]]);
    expect(world.clock.now() - before).toBeGreaterThanOrEqual(60_000);
    expect(world.state.scaledDown).toBe(3);

    const weightsThen: unknown[] = [];
    const { scale } = world.workloads;
    world.workloads.scale = (deployment, replicas) => {
      weightsThen.push(world.route.weights);
      return scale.call(world.workloads, deployment, replicas);
    };
    expect(await world.rollback()).toMatchObject({ ending: 'ok' });
    expect(world.workloads.scaled.at(-1)).toEqual(['web-b', 3]);
    expect(weightsThen).toEqual([allOnGreen]);
    expect(world.route.weights).toEqual(allOnBlue);
    expect(world.state.scaledDown).toBeUndefined();
  });

  it('is scaled down by the next switch when its process was killed before', async () => {
    await world.switch();
    world.scaleDownAfterMs = 0;
    expect(await world.switch('green')).toMatchObject({ did: 'green is live already' });
    expect(world.workloads.scaled).toEqual([['web-b', 0]]);
    await world.switch('green');
    expect(world.workloads.scaled).toHaveLength(1);
  });

  it('gets no traffic back when none of it is ready', async () => {
    await world.switch();
    world.workloads.ready.set('web-b', 0);
    expect(await world.rollback()).toMatchObject({
      ending: 'failed',
      did: expect.stringMatching(/not returned/),
    });
    expect(world.route.weights).toEqual(allOnGreen);
  });

  it('gets none by itself either: it says what to type, and keeps that it failed', async () => {
    world.spec = { ...world.spec, probes: [probe] };
    answers = Array<number>(40).fill(500);
    const switching = world.switch(
      'green',
      () => world.route.commits > 0 && world.workloads.ready.set('web-b', 0),
    );
    await expect(switching).rejects.toMatchObject({
      code: 'ROLLBACK_FAILED',
      exitCode: 5,
      message: expect.stringMatching(/gives g 100%.*no replica of web-b is ready/),
      hint: expect.stringMatching(/metrify deploy rollback web/),
    });
    expect(world.state).toMatchObject({ phase: 'failed', weights: allOnGreen });
    await expect(world.switch()).rejects.toMatchObject({
      exitCode: 4,
      hint: expect.stringMatching(/deploy rollback/),
    });
    world.workloads.ready.set('web-b', 3);
    expect((await world.rollback()).did).toBe('returned to blue');
    expect(world.state.phase).toBe('aborted');
  });
});

describe('a rollback', () => {
  it('is refused where nothing was switched', async () => {
    await expect(world.rollback()).rejects.toMatchObject({ exitCode: 4 });
  });

  it('to green is told as such when it fails', async () => {
    await world.switch();
    await world.switch();
    expect(world.state.to).toBe('stable');
    const { commit } = MemoryRoute.prototype;
    world.route.commit = function (view, change, signal) {
      return change.weights
        ? Promise.reject(new ServiceConflict('quarrel'))
        : commit.call(this, view, change, signal);
    };
    await expect(world.rollback()).rejects.toMatchObject({
      message: expect.stringMatching(/still gives b 100%/),
    });
  });
});

import { describe, expect, it } from 'vitest';

import { Interrupted, ServiceUnavailable } from '../../../src/lib/core/errors.js';
import { follow } from '../../../src/lib/rollout/canary/follow.js';
import { openRun as asRun } from '../../../src/lib/rollout/canary/run.js';
import { start } from '../../../src/lib/rollout/canary/start.js';
import { abort } from '../../../src/lib/rollout/canary/stop.js';
import { planHash } from '../../../src/lib/rollout/plan-hash.js';
import { rehearse } from '../../../src/lib/rollout/rehearsal.js';
import { report } from '../../../src/lib/rollout/report.js';
import { Session } from '../../../src/lib/rollout/session.js';
import { decodeState, type RolloutState } from '../../../src/lib/rollout/state.js';
import { measured } from './example-analysis.js';
import {
  actorOf,
  FakeMeter,
  MemoryRoute,
  openRun,
  rolloutSpec,
  SleepingClock,
  type Surroundings,
} from './memory.js';

const spec = rolloutSpec();
const world = () => {
  const clock = new SleepingClock();
  const route = new MemoryRoute(clock);
  const meter = new FakeMeter();
  const warnings: string[] = [];
  return { clock, route, meter, warnings, state: () => decodeState(route.state!, route.name) };
};
type World = ReturnType<typeof world>;

/** `canary start --wait`, with its lease. */
const startAndFollow = (
  { route, meter, warnings }: World,
  more: Partial<Surroundings> = {},
  saw = (_: RolloutState) => {},
) =>
  Session.hold(actorOf({ route, warnings, ...more }), async (session) => {
    const run = asRun({ spec, canary: spec.canary!, hash: planHash(spec), meter }, session);
    await start(run);
    return follow(run, { everyMs: 1000, saw: (_, state) => saw(state) });
  });

describe('a follower', () => {
  it('goes to the end, and gives its lease back', async () => {
    const made = world();
    expect((await startAndFollow(made)).did).toBe('promoted');
    expect(made.route.weights.canary).toBe(100);
    expect(made.route.leases.record!.holder).toBe('');
    // A look each second for two minutes was not kept each time.
    expect(made.meter.looks).toBeGreaterThan(100);
    expect(made.route.commits).toBeLessThan(20);
  });

  it('returns traffic within 5 s of the first look at which the canary is sick', async () => {
    const made = world();
    let sickAt = 0;
    const stepped = await startAndFollow(made, {}, () => {
      if (sickAt > 0 || made.clock.now() - made.state().startedAt < 30_000) return;
      made.meter.finding = 'sick';
      sickAt = made.clock.now();
    });
    expect(stepped).toMatchObject({ ending: 'failed', did: 'rejected' });
    expect(made.clock.now() - sickAt).toBeLessThan(5000);
    expect(made.route.weights.canary).toBe(0);
  });

  it('holds with the numbers that it saw last', async () => {
    const made = world();
    const stopping = new AbortController();
    let looks = 0;
    made.meter.look = () => {
      const counts = measured(50_000 + ++looks, 50);
      return Promise.resolve({ counts: { stable: counts, canary: counts }, tally: undefined, warnings: [] });
    };
    let seen: RolloutState | undefined;
    const following = startAndFollow(made, { signal: stopping.signal }, (state) => {
      seen = state;
      if (looks === 10) stopping.abort(new Interrupted('SIGINT'));
    });
    await expect(following).rejects.toMatchObject({ exitCode: 130 });
    expect(made.state().phase).toBe('holding');
    expect(made.state().checks.map(({ observed }) => observed)).toContain('canary 50,010, stable 50,010');
    expect(made.state().checks).toEqual(seen!.checks.map(({ numbers: _, ...check }) => check));
  });

  it('holds when it is stopped', async () => {
    const made = world();
    const stopping = new AbortController();
    const following = startAndFollow(made, { signal: stopping.signal }, () =>
      stopping.abort(new Interrupted('SIGINT')),
    );
    await expect(following).rejects.toMatchObject({ exitCode: 130 });
    expect(made.state()).toMatchObject({
      phase: 'holding',
      weights: { canary: 10 },
      reason: 'stopped by SIGINT',
    });
    expect(made.route.leases.record!.holder).toBe('');
  });

  it('says so when it could not even keep that it holds', async () => {
    const made = world();
    const stopping = new AbortController();
    const following = startAndFollow(made, { signal: stopping.signal }, () => {
      made.route.isDown = true;
      stopping.abort(new Interrupted('SIGTERM'));
    });
    await expect(following).rejects.toMatchObject({ exitCode: 143 });
    expect(made.warnings.join()).toMatch(/could not be kept that this rollout holds: the route is away/);
  });

  it('writes nothing any more once somebody took over, stopped or not', async () => {
    for (const stops of [false, true]) {
      const made = world();
      const stopping = new AbortController();
      let left: string | undefined;
      const following = startAndFollow(made, { signal: stopping.signal }, () => {
        if (left !== undefined) return;
        // They have the lease, and have not done anything yet.
        const { record } = made.route.leases;
        made.route.leases.record = { ...record!, holder: 'bob', transitions: record!.transitions + 1 };
        made.route.leases.version++;
        left = made.route.state;
        // And it would now have something to write.
        made.meter.finding = 'sick';
        if (stops) stopping.abort(new Interrupted('SIGINT'));
      });
      await expect(following).rejects.toMatchObject(
        stops ? { exitCode: 130 } : { code: 'LEASE_LOST', exitCode: 4 },
      );
      expect(made.route.state).toBe(left);
      expect(made.route.weights.canary).toBe(10);
      expect(made.route.leases.record!.holder).toBe('bob');
    }
  });

  it('continues after a short absence of what keeps the route, and says so', async () => {
    const made = world();
    let looks = 0;
    const stepped = await startAndFollow(made, {}, () => {
      if (++looks !== 5) return;
      made.route.isDown = true;
      made.clock.after(8000, () => (made.route.isDown = false));
    });
    expect(stepped.did).toBe('promoted');
    expect(made.warnings.join()).toMatch(/the route is away; trying again/);
  });

  it('gives up after a long one, and leaves the weights', async () => {
    const made = world();
    const following = startAndFollow(made, {}, () => (made.route.isDown = true));
    await expect(following).rejects.toBeInstanceOf(ServiceUnavailable);
    expect(made.route.weights.canary).toBe(10);
  });
});

describe('a rehearsal', () => {
  it('says what would be written, and writes nothing', async () => {
    const made = world();
    const { provider, changes } = rehearse(actorOf(made).provider);
    const session = await Session.open({ ...actorOf(made), provider });
    await start(asRun({ spec, canary: spec.canary!, hash: planHash(spec), meter: made.meter }, session));
    expect(session.view.weights.canary).toBe(10);
    await abort(session);
    expect(changes.map(({ patch }) => (patch as { weights: unknown }).weights)).toEqual([
      { stable: 90, canary: 10 },
    ]);
    expect(made.route).toMatchObject({ commits: 0, state: undefined, weights: { canary: 0 } });
    expect(made.route.leases.record).toBeUndefined();
  });
});

describe('a report', () => {
  const reported = async ({ route }: World) => report(await Session.open(actorOf({ route })), spec);

  it('is idle before anything ran', async () => {
    expect(await reported(world())).toMatchObject({
      phase: 'idle',
      step: 0,
      weights: { stable: 100, canary: 0 },
      holder: null,
      verdict: 'none',
      checks: [],
      history: [],
      problems: [],
    });
  });

  it('says where it stands, and who is at work', async () => {
    const made = world();
    await start(await openRun({ route: made.route }, made.meter, spec));
    made.clock.pass(5000);
    expect(await reported(made)).toMatchObject({
      phase: 'progressing',
      step: 1,
      steps: [10, 50, 100],
      holder: null,
      stepElapsedMs: 5000,
    });
    await Session.hold(actorOf({ route: made.route, name: 'bob@laptop (2)' }), async () =>
      expect((await reported(made)).holder).toBe('bob@laptop (2)'),
    );
    expect((await reported(made)).holder).toBeNull();
  });

  it('names weights that are not those set last, however little they differ', async () => {
    const made = world();
    await start(await openRun({ route: made.route }, made.meter, spec));
    made.route.edit({ weights: { stable: 90.1, canary: 9.9 } });
    expect((await reported(made)).problems).toEqual([expect.stringMatching(/90\.1\/9\.9.*90\/10/)]);
  });

  it('prints only commands that the verbs would take then', async () => {
    const made = world();
    await start(await openRun({ route: made.route }, made.meter, spec));
    for (const { command } of (await reported(made)).next)
      expect(command).toMatch(/^metrify canary (step|promote|abort) web/);
    await abort(await Session.open(actorOf({ route: made.route })));
    expect((await reported(made)).next).toEqual([]);
  });
});

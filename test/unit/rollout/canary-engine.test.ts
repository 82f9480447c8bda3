import { describe, expect, it } from 'vitest';

import { ServiceConflict, UserError } from '../../../src/lib/core/errors.js';
import { start } from '../../../src/lib/rollout/canary/start.js';
import { step } from '../../../src/lib/rollout/canary/step.js';
import { decodeState } from '../../../src/lib/rollout/state.js';
import { allOnStable, type Verb, verbs, World } from './canary-world.js';
import { analysis } from './example-analysis.js';
import { FakeMeter, MemoryRoute, openRun, rolloutSpec, SleepingClock } from './memory.js';

describe('a canary', () => {
  const world = async (...done: Verb[]) => {
    const made = new World('abort');
    for (const verb of done) await verbs[verb](await made.run('plan'));
    return made;
  };

  it('goes step by step with cron, and counts each step afresh', async () => {
    const made = await world('start');
    const { clock, route } = made;
    const seen: number[] = [];
    const meter = new FakeMeter();
    for (let minute = 0; minute < 6; minute++) {
      seen.push(route.weights.canary);
      clock.pass(59_000);
      await step(await openRun({ route }, meter, made.spec('plan')));
      clock.pass(1000);
    }
    expect(seen).toEqual([10, 10, 50, 100, 100, 100]);
    const history = decodeState(route.state!, '').history;
    expect(history.map(({ action, to, verdict }) => [action, to.canary, verdict])).toEqual([
      ['start', 10, 'by hand'],
      ['step', 50, 'passed'],
      ['step', 100, 'passed'],
    ]);
  });

  it.each(['paused', 'holding'] as const)(
    'that is %s continues by promote, to the next step',
    async (phase) => {
      const made = await world('start', phase === 'paused' ? 'pause' : 'hold');
      expect(made.state!.phase).toBe(phase);
      made.clock.pass(1e7);
      expect((await verbs.step(await made.run('plan'))).did).toBe(phase);
      await verbs.promote(await made.run('plan'));
      expect(made.state).toMatchObject({
        phase: 'progressing',
        step: 1,
        weights: { stable: 50, canary: 50 },
        stoppedMs: 0,
      });
      expect(made.state).not.toHaveProperty('stoppedAt');
    },
  );

  it('does not count the time of a pause', async () => {
    const made = await world('start');
    made.clock.pass(30_000);
    await verbs.pause(await made.run('plan'));
    made.clock.pass(1e9);
    await verbs.resume(await made.run('plan'));
    made.clock.pass(29_000);
    expect((await verbs.step(await made.run('plan'))).did).toBe('waiting');
    made.clock.pass(1000);
    expect((await verbs.step(await made.run('plan'))).did).toMatch(/advanced/);
  });

  it('says on which numbers it advanced, though the next step counts afresh', async () => {
    const made = await world('start');
    made.clock.pass(61_000);
    const stepped = await verbs.step(await made.run('plan'));
    expect(stepped.did).toMatch(/advanced/);
    expect(stepped.checks).toContainEqual(expect.objectContaining({ name: 'errors', verdict: 'passed' }));
    expect(made.state!.checks).toEqual([]);
  });

  it('is not resumed with another plan', async () => {
    const made = await world('start', 'pause');
    await expect(made.run('another plan').then(verbs.resume)).rejects.toMatchObject({ exitCode: 4 });
    expect(made.state!.phase).toBe('paused');
  });

  it('that was promoted is not promoted again by a file that names another pair', async () => {
    const made = await world('start', 'promote --full');
    expect((await verbs.promote(await made.run('plan'))).did).toMatch(/nothing to do/);
    await expect(made.run('another plan').then(verbs.promote)).rejects.toMatchObject({
      exitCode: 4,
      hint: expect.stringMatching(/canary start/),
    });
  });

  it('is promoted though both are unhealthy, with a warning', async () => {
    const made = await world('start');
    const meter = new FakeMeter();
    const both = { ...(await meter.look()).counts.stable, requests: 1_000_000, errors: 200_000 };
    meter.look = () =>
      Promise.resolve({ counts: { stable: both, canary: both }, tally: undefined, warnings: [] });
    made.clock.pass(61_000);
    const stepped = await step(await openRun({ route: made.route }, meter, made.spec('plan')));
    expect(stepped.did).toMatch(/advanced/);
    expect(stepped.warnings.join()).toMatch(/stable itself is unhealthy/);
  });

  describe('returns its traffic', () => {
    it('at once when it is rejected, and says on which numbers', async () => {
      const made = await world('start');
      made.meter.finding = 'sick';
      const before = made.clock.now();
      expect(await verbs.step(await made.run('plan'))).toMatchObject({ ending: 'failed', did: 'rejected' });
      expect(made.clock.now() - before).toBeLessThan(5000);
      expect(made.state).toMatchObject({ phase: 'aborted', reason: expect.stringMatching(/errors: 10% of/) });
      expect(made.state!.checks.find(({ name }) => name === 'errors')?.verdict).toBe('failed');
    });

    it('though the first answers are lost or refused, and notes it once', async () => {
      const made = await world('start');
      const run = await made.run('plan');
      made.route.faults = ['unavailable', 'conflict', 'answer lost'];
      expect((await verbs.abort(run)).did).toBe('aborted');
      expect(made.route.weights).toEqual(allOnStable);
      expect(made.state!.history.map(({ action }) => action)).toEqual(['start', 'abort']);
    });

    it.each([
      ['other weights', { weights: { stable: 20, canary: 80 } }],
      ['a state that nobody can read', { state: '{"format":1,"phase":"promoted"}' }],
      ['no state', { state: undefined }],
    ])('though somebody wrote %s meanwhile', async (_, edit) => {
      const made = await world('start');
      const run = await made.run('plan');
      made.route.edit(edit);
      await verbs.abort(run);
      expect(made.route.weights).toEqual(allOnStable);
      expect(made.state!.phase).toBe('aborted');
    });

    it('but not of another rollout that was started meanwhile', async () => {
      const made = await world('start');
      const run = await made.run('plan');
      const other = { ...made.state!, id: 'another' };
      made.route.edit({ state: JSON.stringify(other), weights: { stable: 1, canary: 99 } });
      await expect(verbs.abort(run)).rejects.toMatchObject({ exitCode: 4 });
      expect(made.route.weights.canary).toBe(99);
    });

    it('or keeps that it could not, until an abort succeeds', async () => {
      const made = await world('start');
      const run = await made.run('plan');
      made.meter.finding = 'sick';
      // Refused as long as it is tried, but not at the very end.
      const { commit } = MemoryRoute.prototype;
      made.route.commit = function (view, change, signal) {
        if (change.weights) return Promise.reject(new ServiceConflict('quarrel'));
        return commit.call(this, view, change, signal);
      };
      await expect(verbs.step(run)).rejects.toMatchObject({
        code: 'ROLLBACK_FAILED',
        exitCode: 5,
        message: expect.stringMatching(/still gives v2 10% of the traffic/),
        hint: expect.stringMatching(/metrify canary abort web/),
      });
      expect(made.state).toMatchObject({ phase: 'failed', weights: { stable: 90, canary: 10 } });
      expect(made.state!.history.at(-1)).toMatchObject({
        phase: 'failed',
        verdict: 'failed',
        to: { stable: 90, canary: 10 },
      });
      for (const verb of ['start', 'step', 'promote', 'pause', 'resume'] as const)
        await expect(made.run('plan').then(verbs[verb]), verb).rejects.toMatchObject({
          exitCode: 4,
          hint: expect.stringMatching(/canary abort/),
        });
      made.route.commit = commit;
      expect((await verbs.abort(await made.run('whatever'))).did).toBe('aborted');
    });

    it('within a few seconds of a first Ctrl-C', async () => {
      const made = await world('start');
      const stopping = new AbortController();
      const run = await made.run('plan', { signal: stopping.signal });
      stopping.abort(new UserError('stopped by SIGINT'));
      expect((await verbs.abort(run)).did).toBe('aborted');
      expect(made.route.weights).toEqual(allOnStable);
    });
  });

  describe('whose latency bounds could not be fixed', () => {
    const bounds = [0.1, 0.25, 0.5, Infinity];
    const latent = { ...analysis, errors: undefined, latency: 'latency' };
    const counts = (many: number) => ({ bounds, counts: [many, 0, 0, 0] });

    it('counts from when they are, and only once', async () => {
      const clock = new SleepingClock();
      const route = new MemoryRoute(clock);
      const meter = new FakeMeter();
      let many = 0;
      meter.look = async () => {
        const both = { ...(await FakeMeter.prototype.look.call(meter)).counts.stable, latency: counts(many) };
        return { counts: { stable: both, canary: both }, tally: undefined, warnings: [] };
      };
      const spec = rolloutSpec({ analysis: latent });
      const run = () => openRun({ route }, meter, spec);
      const state = () => decodeState(route.state!, '');
      await start(await run());
      expect(state().latency).toBeUndefined();
      clock.pass(50_000);
      many = 10_000;
      expect((await step(await run())).did).toBe('waiting');
      const begun = state();
      expect(begun).toMatchObject({ latency: { stable: 0.1, canary: 0.25 }, stepStartedAt: clock.now() });
      // The time before does not count.
      clock.pass(11_000);
      expect((await step(await run())).did).toBe('waiting');
      expect(state().stepStartedAt).toBe(begun.stepStartedAt);
      clock.pass(50_000);
      expect((await step(await run())).did).toMatch(/advanced to 50\/50/);
    });

    it('is inconclusive in the end when there is never any latency', async () => {
      const clock = new SleepingClock();
      const route = new MemoryRoute(clock);
      const run = () => openRun({ route }, new FakeMeter(), rolloutSpec({ analysis: latent }));
      await start(await run());
      for (let looks = 0; ; looks++) {
        clock.pass(60_000);
        const { ending } = await step(await run());
        if (ending !== 'ok') expect([ending, looks]).toEqual(['inconclusive', 1]);
        if (ending !== 'ok') break;
      }
      expect(route.weights).toEqual(allOnStable);
    });
  });

  it('is not touched by the verbs while a switch of colours is under way', async () => {
    const made = await world('start');
    const switching = { ...made.state!, kind: 'blue-green' };
    made.route.edit({ state: JSON.stringify(switching) });
    for (const verb of Object.keys(verbs) as Verb[]) {
      if (verb === 'hold') continue;
      await expect(made.run('plan').then(verbs[verb]), verb).rejects.toMatchObject({
        exitCode: 4,
        hint: expect.stringMatching(/deploy rollback web/),
      });
    }
    expect(made.route.weights.canary).toBe(10);
  });
});

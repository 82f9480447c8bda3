import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { UserError } from '../../../src/lib/core/errors.js';
import { promote } from '../../../src/lib/rollout/canary/promote.js';
import type { Stepped } from '../../../src/lib/rollout/canary/step.js';
import { abort } from '../../../src/lib/rollout/canary/stop.js';
import { planHash } from '../../../src/lib/rollout/plan-hash.js';
import type { Weights } from '../../../src/lib/rollout/route.js';
import { type RolloutState, runningPhases } from '../../../src/lib/rollout/state.js';
import { allOnCanary, allOnStable, type Verb, verbs, World } from './canary-world.js';
import { type Fault, type Finding, Killed } from './memory.js';
import { scaled } from '../../scale.js';

/** They look at the route alone. */
const withoutPlan: readonly Verb[] = ['abort', 'pause', 'hold'];

interface Event {
  verb: Verb;
  finding: Finding;
  faults: Fault[];
  /** The route is away, and stays away. */
  isDown: boolean;
  plan: string;
  takeOver: boolean;
  /** Before it, somebody gives the canary so much. */
  edit: number | undefined;
  passMs: number;
}

const event: fc.Arbitrary<Event> = fc.record({
  verb: fc.constantFrom(
    ...(Object.keys(verbs) as Verb[]),
    'start' as const,
    'step' as const,
    'step' as const,
  ),
  finding: fc.constantFrom<Finding>('healthy', 'healthy', 'healthy', 'sick', 'little', 'nothing', 'away'),
  faults: fc.oneof(
    { weight: 3, arbitrary: fc.constant<Fault[]>([]) },
    {
      weight: 1,
      arbitrary: fc.array(
        fc.constantFrom<Fault>('killed before', 'killed after', 'answer lost', 'conflict', 'unavailable'),
        { minLength: 1, maxLength: 3 },
      ),
    },
  ),
  isDown: fc.nat(15).map((n) => n === 0),
  plan: fc.nat(9).map((n) => (n === 0 ? 'another plan' : 'plan')),
  takeOver: fc.nat(7).map((n) => n === 0),
  edit: fc.option(fc.constantFrom(0, 25, 50, 100), { nil: undefined, freq: 12 }),
  // Two processes know the time to a second.
  passMs: fc.constantFrom(-1000, 0, 20_000, 61_000, 301_000),
});

class EventfulWorld extends World {
  /** That the rollout was started with. */
  plan = 'plan';
  /** Somebody else set the weights since metrify did. */
  isEdited = false;

  /** One process: it opens the rollout, does one thing, and ends. */
  async happen(happening: Event): Promise<void> {
    const { verb, finding, faults, isDown, plan, takeOver, edit, passMs } = happening;
    const { route, clock, meter } = this;
    clock.pass(passMs);
    if (edit !== undefined && edit !== route.weights.canary) {
      route.edit({ weights: { stable: 100 - edit, canary: edit } });
      this.isEdited = true;
    }
    const before = { state: this.state, weights: route.weights, commits: route.commits };
    meter.finding = finding;
    let outcome: { stepped?: Stepped; error?: unknown };
    try {
      const run = await this.run(plan, { takeOver });
      route.faults = [...faults];
      route.isDown = isDown;
      outcome = { stepped: await verbs[verb](run) };
    } catch (error) {
      outcome = { error };
    } finally {
      route.faults = [];
      route.isDown = false;
    }
    // Whoever writes weights has read them: what the state says is what stands there.
    if (route.weights !== before.weights) this.isEdited = false;
    this.check(happening, before, outcome);
  }

  private check(
    { verb, finding, faults, isDown, plan, takeOver }: Event,
    before: { state: RolloutState | undefined; weights: Weights; commits: number },
    { stepped, error }: { stepped?: Stepped; error?: unknown },
  ): void {
    const { route, state } = this;
    const isQuiet = faults.length === 0 && !isDown;
    if (error !== undefined) {
      const isExpected =
        error instanceof Killed || (error instanceof UserError && [4, 5].includes(error.exitCode));
      if (!isExpected) throw error as Error;
      expect(error).not.toHaveProperty('code', 'STATE_BROKEN');
      if (isQuiet) expect(error).toMatchObject({ exitCode: 4 });
      // A refusal leaves everything as it was.
      if (isQuiet) expect(route.commits).toBe(before.commits);
    }

    if (!state) expect(before.state).toBeUndefined();
    else {
      if (!this.isEdited) expect(route.weights).toEqual(state.weights);
      if (state.phase === 'promoted') expect(state.weights).toEqual(allOnCanary);
      if (state.weights.canary === 100) expect(state.phase).toBe('promoted');
      if (state.phase === 'aborted') expect(state.weights).toEqual(allOnStable);
      if (state.phase === 'failed') expect(error).toMatchObject({ code: 'ROLLBACK_FAILED', exitCode: 5 });
      expect(state.stoppedAt !== undefined).toBe(
        ['paused', 'holding'].includes(state.phase) ||
          (state.phase === 'failed' && before.state?.stoppedAt !== undefined && verb !== 'abort'),
      );
    }
    if (state && state.id !== before.state?.id) this.plan = plan;
    if (verb !== 'start') expect(state?.id).toBe(before.state?.id);

    const wasRunning = before.state !== undefined && runningPhases.includes(before.state.phase);
    if (wasRunning && planHash(this.spec(plan)) !== before.state!.plan && !withoutPlan.includes(verb)) {
      expect(error).toMatchObject({ exitCode: 4 });
      expect(route.commits).toBe(before.commits);
    }
    // What somebody else shifted is not shifted on.
    const isDrifted = wasRunning && before.weights.canary !== before.state!.weights.canary;
    const moves = ['start', 'promote', 'promote --full'].includes(verb);
    const judges = verb === 'step' && before.state?.phase === 'progressing';
    if (isDrifted && !takeOver && (moves || judges)) {
      expect(error).toMatchObject({ exitCode: 4 });
      expect(route.weights).toEqual(before.weights);
    }
    if (verb === 'step' && !wasRunning && before.state?.phase !== 'failed') {
      expect(stepped?.did).toBe('nothing runs');
      expect(route.commits).toBe(before.commits);
    }
    if (verb === 'start' && before.state?.phase === 'promoted') expect(error).toMatchObject({ exitCode: 4 });
    if (verb === 'abort') {
      if (isQuiet) expect(error).toBeUndefined();
      if (stepped?.did === 'aborted') expect(route.weights).toEqual(allOnStable);
      if (isDown && wasRunning) expect(error).toMatchObject({ code: 'ROLLBACK_FAILED', exitCode: 5 });
    }
    if (verb === 'step' && isQuiet && before.state?.phase === 'progressing' && stepped) {
      expect(stepped.ending === 'failed').toBe(finding === 'sick');
      if (finding === 'sick') expect(route.weights).toEqual(allOnStable);
      if (stepped.ending === 'inconclusive')
        expect(state!.phase).toBe(this.onInconclusive === 'abort' ? 'aborted' : 'holding');
    }
  }

  /** Whatever happened: what is asked for is reached. */
  async end(way: 'abort' | 'promote'): Promise<void> {
    const { state } = this;
    if (!state || ![...runningPhases, 'failed'].includes(state.phase)) return;
    if (way === 'promote' && state.phase !== 'failed') {
      const { ending } = await promote(await this.run(this.plan, { takeOver: true }), true);
      expect(ending).toBe('ok');
      expect(this.state).toMatchObject({ phase: 'promoted', weights: allOnCanary });
      expect(this.route.weights).toEqual(allOnCanary);
    } else {
      await abort((await this.run('whatever')).session);
      expect(this.state).toMatchObject({ phase: 'aborted', weights: allOnStable });
      expect(this.route.weights).toEqual(allOnStable);
    }
  }
}

describe('a canary, whatever happens in whatever order', () => {
  it.each(['abort', 'hold'] as const)('with onInconclusive: %s', async (onInconclusive) => {
    const reached = new Set<string>();
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { minLength: 8, maxLength: 40 }),
        fc.constantFrom('abort' as const, 'promote' as const),
        async (events, way) => {
          const world = new EventfulWorld(onInconclusive);
          for (const happening of events) {
            await world.happen(happening);
            reached.add(world.state?.phase ?? 'nothing');
          }
          await world.end(way);
        },
      ),
      { numRuns: scaled(400) },
    );
    // The test itself gets everywhere.
    expect([...reached]).toEqual(
      expect.arrayContaining(['progressing', 'paused', 'holding', 'promoted', 'aborted']),
    );
  });
});

import { promote } from '../../../src/lib/rollout/canary/promote.js';
import type { CanaryRun } from '../../../src/lib/rollout/canary/run.js';
import { start } from '../../../src/lib/rollout/canary/start.js';
import { step, type Stepped } from '../../../src/lib/rollout/canary/step.js';
import { abort, holdHere, pause, resume } from '../../../src/lib/rollout/canary/stop.js';
import type { RolloutSpec } from '../../../src/lib/rollout/spec.js';
import { decodeState, type RolloutState } from '../../../src/lib/rollout/state.js';
import { analysis } from './example-analysis.js';
import { FakeMeter, MemoryRoute, openRun, rolloutSpec, SleepingClock, type Surroundings } from './memory.js';

/** Each as a process of its own carries it out. */
export const verbs = {
  start,
  step: (run: CanaryRun) => step(run),
  promote: (run: CanaryRun) => promote(run, false),
  'promote --full': (run: CanaryRun) => promote(run, true),
  pause: ({ session }: CanaryRun) => pause(session),
  resume,
  abort: ({ session }: CanaryRun) => abort(session),
  hold: async ({ session, actor }: CanaryRun): Promise<Stepped> => {
    await holdHere(session, undefined, 'stopped by SIGINT', actor.signal);
    return { state: session.state, ending: 'ok', did: 'held', warnings: [] };
  },
};
export type Verb = keyof typeof verbs;
export const allOnStable = { stable: 100, canary: 0 };
export const allOnCanary = { stable: 0, canary: 100 };

/** A route, and the processes that come and go. */
export class World {
  readonly clock = new SleepingClock();
  readonly route = new MemoryRoute(this.clock);
  readonly meter = new FakeMeter();

  constructor(readonly onInconclusive: 'abort' | 'hold') {}

  get state(): RolloutState | undefined {
    const { state, name } = this.route;
    return state === undefined ? undefined : decodeState(state, name);
  }

  run(plan: string, more: Partial<Surroundings> = {}): Promise<CanaryRun> {
    return openRun({ route: this.route, ...more }, this.meter, this.spec(plan));
  }

  spec(plan: string): RolloutSpec {
    return rolloutSpec({ label: plan, analysis: { ...analysis, onInconclusive: this.onInconclusive } });
  }
}

import type { RolloutState } from '../../../src/lib/rollout/state.js';
import { pair } from './memory.js';

/** A canary in its second step, with everything that a state can have. */
export const exampleState: RolloutState = {
  format: 1,
  id: '0123456789ab',
  app: 'web',
  kind: 'canary',
  phase: 'progressing',
  plan: 'plan',
  versions: pair(),
  to: 'canary',
  steps: [10, 50, 100],
  step: 1,
  weights: { stable: 50, canary: 50 },
  startedAt: 1_900_000_000_000,
  stepStartedAt: 1_900_000_060_000,
  stoppedAt: undefined,
  stoppedMs: 0,
  blindLooks: 0,
  blindAt: undefined,
  latency: { stable: 0.1, canary: 0.25 },
  tally: {
    stable: { requests: 10, errors: 1, buckets: { 3: 10 } },
    canary: { requests: 10, errors: 0, buckets: {} },
  },
  checks: [{ name: 'errors', verdict: 'waiting', observed: '0% of 10', limit: '1 point' }],
  reason: undefined,
  holder: 'ann@build (1)',
  scaledDown: undefined,
  history: [
    {
      at: 1_900_000_000_000,
      who: 'ann@build (1)',
      action: 'start',
      from: { stable: 100, canary: 0 },
      to: { stable: 90, canary: 10 },
      phase: 'progressing',
      verdict: 'by hand',
      versions: ['v1', 'v2'],
    },
  ],
};

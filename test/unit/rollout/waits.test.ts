import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { judge } from '../../../src/lib/rollout/analysis/judge.js';
import { waitsFor } from '../../../src/lib/rollout/canary/waits.js';
import type { RolloutState } from '../../../src/lib/rollout/state.js';
import { analysis, measured } from './example-analysis.js';
import { exampleState } from './example-state.js';

const plan = { canary: { intervalMs: 300_000 }, analysis };
const at = (ms: number) => exampleState.stepStartedAt + ms;
const state = (change: Partial<RolloutState> = {}): RolloutState => ({
  ...exampleState,
  checks: [],
  ...change,
});

/** Of a step in which both versions had so many requests, and a share of failures. */
function judged(each: number, failing = 0): RolloutState {
  const counts = measured(each, Math.round(each * failing));
  const { checks } = judge(
    analysis,
    { stable: counts, canary: counts },
    { steps: 2, bounds: undefined, share: 0.5 },
  );
  return state({ checks });
}

describe('what a step waits for', () => {
  it('its interval, without the time that it was paused', () => {
    expect(waitsFor(state(), plan, at(120_000))).toEqual(['2m of at least 5m in this step']);
    expect(waitsFor(state({ stoppedMs: 60_000 }), plan, at(120_000))).toEqual([
      '1m of at least 5m in this step',
    ]);
    expect(waitsFor(state(), plan, at(300_000))).toEqual([]);
    expect(waitsFor(state(), { canary: undefined }, at(1000))).toEqual([]);
  });

  it('as many requests as the verdict takes, and no more once it is there', () => {
    fc.assert(
      fc.property(fc.integer({ min: 20, max: 5000 }), fc.constantFrom(0, 0.01, 0.05), (each, failing) => {
        const now = judged(each, failing);
        const [wait] = waitsFor(now, plan, at(300_000));
        const isWaiting = now.checks.some(({ name, verdict }) => name === 'errors' && verdict === 'waiting');
        if (!isWaiting) {
          expect(wait ?? '').not.toMatch(/of about|verdict/);
          return;
        }
        const [, has, needed] = /^([\d,]+) of about ([\d,]+) requests$/.exec(wait!) ?? [];
        if (has === undefined) {
          expect(wait).toMatch(/^a verdict on errors, which needs more than the usual/);
          return;
        }
        expect(has.replaceAll(',', '')).toBe(String(2 * each));
        // Versions that are alike pass with that many, or with a few more.
        const enough = Math.ceil((1.3 * Number(needed!.replaceAll(',', ''))) / 2);
        expect(
          judged(enough, Math.round(each * failing) / each).checks.find(({ name }) => name === 'errors')!
            .verdict,
        ).toBe('passed');
      }),
      { numRuns: 40 },
    );
  });

  it('whatever else is open, by what was seen of it', () => {
    const checks = [
      { name: 'replicas v2', verdict: 'failed', observed: 'web-v2: 1 of 2 ready', limit: 'at least 1 ready' },
      { name: 'requests', verdict: 'waiting', observed: 'canary 14, stable 103', limit: 'at least 100 each' },
      { name: 'errors', verdict: 'passed', observed: '0%', limit: '1 point' },
      { name: 'approval', verdict: 'waiting', observed: 'waits for promote', limit: 'by hand' },
    ] as const;
    expect(waitsFor(state({ checks }), plan, at(300_000))).toEqual([
      'replicas v2: web-v2: 1 of 2 ready (at least 1 ready)',
      'requests: canary 14, stable 103 (at least 100 each)',
      'approval: waits for promote (by hand)',
    ]);
    // Numbers are not kept on the route.
    const kept = [{ name: 'errors', verdict: 'waiting', observed: '0% of 10', limit: '1 point' }] as const;
    expect(waitsFor(state({ checks: kept }), plan, at(300_000))).toEqual(['a verdict on errors']);
  });

  it('nothing when it does not run, or is blue-green', () => {
    for (const phase of ['idle', 'paused', 'holding', 'promoted', 'aborted', 'failed'] as const)
      expect(waitsFor(state({ phase }), plan, at(0))).toEqual([]);
    expect(waitsFor(state({ kind: 'blue-green' }), plan, at(0))).toEqual([]);
  });
});

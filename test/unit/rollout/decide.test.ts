import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import type { Judgement } from '../../../src/lib/rollout/analysis/judgement.js';
import { countBlind, decide, elapsed } from '../../../src/lib/rollout/canary/decide.js';
import type { RolloutState } from '../../../src/lib/rollout/state.js';
import { analysis } from './example-analysis.js';
import { canarySpec } from './memory.js';
import { exampleState } from './example-state.js';

const minute = 60_000;
const at = (change: Partial<RolloutState>): RolloutState => ({ ...exampleState, ...change });
const judged = (verdict: Judgement['verdict'], checks: Judgement['checks'] = []): Judgement => ({
  verdict,
  checks,
  warnings: [],
});
const waiting = { name: 'errors', verdict: 'waiting', observed: 'few', limit: '1 point' } as const;
const failed = { name: 'latency', verdict: 'failed', observed: '9s', limit: '1s' } as const;

describe('the time in a step', () => {
  it('leaves out what it stood still', () => {
    const state = at({ stepStartedAt: 1000, stoppedMs: 300, stoppedAt: undefined });
    expect(elapsed(state, 2000)).toBe(700);
    expect(elapsed({ ...state, stoppedAt: 1800 }, 2000)).toBe(500);
  });

  it('does not grow while it stands still, and is never negative', () => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.nat(1e6), fc.nat(1e6), fc.nat(1e6), (begun, ran, stood, clockBack) => {
        const state = at({ stepStartedAt: begun, stoppedMs: 0, stoppedAt: begun + ran });
        expect(elapsed(state, begun + ran + stood)).toBe(ran);
        expect(elapsed(at({ stepStartedAt: begun, stoppedAt: undefined }), begun - clockBack)).toBe(0);
      }),
    );
  });
});

describe('a look', () => {
  const decided = (judgement: Judgement, ranMs: number, blindLooks = 0) =>
    decide(
      at({ stepStartedAt: 0, stoppedAt: undefined, stoppedMs: 0 }),
      judgement,
      blindLooks,
      canarySpec,
      2,
      ranMs,
    );

  it.each([
    ['pass', 59_999, 0, 'wait'],
    ['pass', 60_000, 0, 'advance'],
    ['pass', 999_999, 0, 'advance'],
    ['reject', 0, 0, 'reject'],
    ['reject', 999_999, 9, 'reject'],
    ['wait', 299_999, 0, 'wait'],
    ['wait', 300_000, 0, 'inconclusive'],
    ['no-data', 299_999, 1, 'wait'],
    ['no-data', 0, 2, 'inconclusive'],
    ['no-data', 300_000, 1, 'inconclusive'],
  ] as const)('%s after %i ms, %i blind: %s', (verdict, ran, blind, kind) => {
    expect(decided(judged(verdict), ran, blind).kind).toBe(kind);
  });

  it('says what a rejection or the end of its patience rests on', () => {
    expect(decided(judged('reject', [waiting, failed]), 0)).toEqual({
      kind: 'reject',
      reason: 'latency: 9s (limit 1s)',
    });
    expect(decided(judged('wait', [waiting]), 300_000)).toMatchObject({
      reason: expect.stringMatching(/maxStepDuration.*errors: few/),
    });
  });
});

describe('looks without data', () => {
  /** Times of looks after the step's start at which the rollout is given up. */
  const givenUp = (everyMs: number, intervalMs: number, maxInconclusive: number): number => {
    let state = at({ stepStartedAt: 0, blindLooks: 0, blindAt: undefined });
    for (let now = everyMs; ; now += everyMs) {
      const counted = countBlind(
        state,
        'no-data',
        { ...canarySpec, intervalMs },
        { ...analysis, maxInconclusive },
        now,
      );
      if (counted.blindLooks >= maxInconclusive) return now;
      state = { ...state, ...counted };
    }
  };

  it('count each with cron, whatever the interval', () => {
    expect(givenUp(minute, 2 * minute, 5)).toBe(5 * minute);
    expect(givenUp(minute, 60 * minute, 5)).toBe(5 * minute);
    expect(givenUp(minute, minute, 1)).toBe(minute);
  });

  it('count at most twice a minute with --wait, so that a first scrape has its time', () => {
    expect(givenUp(1000, 60 * minute, 5)).toBe(5 * 30_000);
    expect(givenUp(5000, 2 * minute, 5)).toBe(5 * 25_000);
    expect(givenUp(1000, 10_000, 2)).toBe(10_000);
  });

  it('begin again with data', () => {
    const blind = at({ stepStartedAt: 0, blindLooks: 4, blindAt: 1000 });
    for (const verdict of ['pass', 'wait', 'reject'] as const)
      expect(countBlind(blind, verdict, canarySpec, analysis, 2000)).toEqual({
        blindLooks: 0,
        blindAt: undefined,
      });
  });
});

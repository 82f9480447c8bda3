import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { UserError } from '../../../src/lib/core/errors.js';
import { checkVerdicts } from '../../../src/lib/rollout/analysis/judgement.js';
import { Session } from '../../../src/lib/rollout/session.js';
import { abort } from '../../../src/lib/rollout/canary/stop.js';
import { sketch } from '../../../src/lib/rollout/report.js';
import {
  decodeState,
  encodeState,
  phases,
  type RolloutState,
  withHistory,
} from '../../../src/lib/rollout/state.js';
import { exampleState } from './example-state.js';
import { actorOf, MemoryRoute, rolloutSpec, SleepingClock } from './memory.js';
import { scaled } from '../../scale.js';

const text = fc.string({ unit: 'grapheme', maxLength: 40 }).map((any) => any.replace(/\p{Cc}/gu, ''));
const time = fc.nat(4e12);
const weights = fc.integer({ min: 0, max: 10_000 }).map((hundredths) => ({
  stable: (10_000 - hundredths) / 100,
  canary: hundredths / 100,
}));
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const version = fc.record({ name: text, deployment: optional(text), colour: fc.constant(undefined) });
const tallyArm = fc.record({
  requests: fc.nat(),
  errors: fc.nat(),
  buckets: fc.dictionary(fc.nat(117).map(String), fc.nat(), { noNullPrototype: true }),
});

const state: fc.Arbitrary<RolloutState> = fc
  .record({
    format: fc.constant(1 as const),
    id: text,
    app: text,
    kind: fc.constantFrom('canary' as const, 'blue-green' as const),
    phase: fc.constantFrom(...phases),
    plan: text,
    versions: fc.record({ stable: version, canary: version }),
    to: fc.constantFrom('stable' as const, 'canary' as const),
    steps: fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 }),
    step: fc.constant(0),
    weights,
    startedAt: time,
    stepStartedAt: time,
    stoppedAt: optional(time),
    stoppedMs: fc.nat(),
    blindLooks: fc.nat(9),
    blindAt: optional(time),
    latency: optional(
      fc.record({ stable: fc.constant(0.1), canary: fc.double({ min: 0.001, max: 60, noNaN: true }) }),
    ),
    tally: optional(fc.record({ stable: tallyArm, canary: tallyArm })),
    checks: fc.array(
      fc.record({ name: text, verdict: fc.constantFrom(...checkVerdicts), observed: text, limit: text }),
      { maxLength: 4 },
    ),
    reason: optional(text),
    holder: text,
    scaledDown: optional(fc.nat()),
    history: fc.array(
      fc.record({
        at: time,
        who: text,
        action: text,
        from: weights,
        to: weights,
        phase: fc.constantFrom(...phases),
        verdict: text,
        versions: fc.tuple(text, text),
      }),
      { maxLength: 4 },
    ),
  })
  .map((made) => ({ ...made, step: made.steps.length - 1 }))
  .map((made) => {
    const isCanary = (made.to === 'canary') === (made.phase === 'promoted');
    const whole = isCanary ? { stable: 0, canary: 100 } : { stable: 100, canary: 0 };
    return { ...made, weights: ['promoted', 'aborted'].includes(made.phase) ? whole : made.weights };
  });

/** What JSON keeps. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** A copy with one place changed, added or taken away, at any depth. */
function mutated(value: unknown, path: readonly number[], by: unknown): unknown {
  if (typeof value !== 'object' || value === null || path.length === 0) return by;
  const [at = 0, ...below] = path;
  const keys = Object.keys(value);
  if (keys.length === 0) return by;
  const key = keys[at % keys.length]!;
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<string, unknown>;
  const replaced = mutated(copy[key], below, by);
  if (replaced === undefined) delete copy[key];
  else copy[key] = replaced;
  return copy;
}

const odd = fc.oneof(
  fc.anything({ maxDepth: 2 }),
  fc.constantFrom<unknown>(
    -1,
    1e300,
    8.7e15,
    NaN,
    Infinity,
    '',
    '\u001b[2J',
    '__proto__',
    'x'.repeat(5000),
    null,
    [],
    {},
    101,
    0.5,
  ),
);

/** The valid state, or STATE_BROKEN; anything else fails the test. */
function read(annotation: string): RolloutState | undefined {
  try {
    return decodeState(annotation, 'Route web');
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({ code: 'STATE_BROKEN', exitCode: 4 });
    return undefined;
  }
}

describe('the state on a route', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(state, (written) => {
        expect(plain(read(encodeState(written)))).toEqual(plain(written));
      }),
    );
  });

  it('keeps no numbers of checks, no control characters, and no text without end', () => {
    const observed = `${'x'.repeat(9000)}`;
    const checks = [{ ...exampleState.checks[0]!, observed, numbers: { canary: 1 } }];
    const kept = read(encodeState({ ...exampleState, checks, reason: 'red \u001b[31m\nalert' }))!;
    expect(kept.checks[0]).not.toHaveProperty('numbers');
    expect(kept.checks[0]!.observed.length).toBeLessThan(1000);
    expect(kept.reason).toBe('red  [31m alert');
  });

  it('keeps the newest entries of its history, and fits an annotation', () => {
    const long = 'ü'.repeat(4000);
    let grown: RolloutState = {
      ...exampleState,
      checks: Array.from({ length: 12 }, () => ({ ...exampleState.checks[0]!, observed: long, limit: long })),
    };
    for (let i = 0; i < 1000; i++)
      grown = withHistory(grown, { ...exampleState.history[0]!, at: i, who: long, reason: long });
    const encoded = encodeState(grown);
    expect(Buffer.byteLength(encoded)).toBeLessThan(180_000);
    expect(read(encoded)!.history.at(-1)!.at).toBe(999);
    expect(read(encoded)!.history.length).toBe(50);
  });

  it('that somebody edited is valid or is refused, and status and abort work with what is valid', async () => {
    await fc.assert(
      fc.asyncProperty(
        state,
        fc.array(fc.nat(40), { minLength: 1, maxLength: 5 }),
        odd,
        async (written, path, by) => {
          const annotation = JSON.stringify(mutated(plain(written), path, by));
          const found = read(annotation);
          if (!found) return;
          const route = new MemoryRoute(new SleepingClock());
          route.edit({ state: annotation, weights: found.weights });
          const session = await Session.open(actorOf({ route, versions: found.versions }));
          const reported = sketch(session, { ...rolloutSpec(), versions: found.versions });
          // What is printed moves no cursor.
          expect(JSON.stringify(reported)).not.toMatch(/\\u00[01][0-9a-f]|\\u007f/);
          if (found.kind === 'blue-green') return;
          const { did } = await abort(session);
          if (did === 'aborted') expect(route.weights).toEqual({ stable: 100, canary: 0 });
        },
      ),
      { numRuns: scaled(400) },
    );
  });

  it.each(['', '{', 'null', '[]', '"x"', '{}', '{"format":2}', '['.repeat(200_000)])(
    'that is no state is refused: %.12s',
    (annotation) => {
      expect(read(annotation)).toBeUndefined();
    },
  );

  it.each([
    ['a time no date can hold', { startedAt: 1e300 }],
    ['a time of its history that no date can hold', { history: [{ ...exampleState.history[0]!, at: 1e17 }] }],
    ['weights that make no 100', { weights: { stable: 100, canary: 100 } }],
    ['a step that it does not have', { step: 3 }],
    ['a time stood still that is negative', { stoppedMs: -1e9 }],
    ['a verdict that there is not', { checks: [{ ...exampleState.checks[0]!, verdict: 'great' as never }] }],
    ['a name that moves the cursor', { holder: '\u001b[2J' }],
  ] satisfies [string, Partial<RolloutState>][])('is refused with %s', (_, change) => {
    expect(read(JSON.stringify({ ...exampleState, ...change }))).toBeUndefined();
  });
});

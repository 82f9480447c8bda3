import { beforeAll, describe, expect, it } from 'vitest';

import { type Health, type Levels, type Outcome, randomCanary, roll, type Verdict } from './canaries.js';
import { upperBound } from './clopper-pearson.js';
import { seeded } from './sampling.js';

const levels: Levels = { falseAbort: 0.01, falsePromotion: 0.05 };

const groups = [
  { name: 'replicas alike', kind: {} },
  { name: 'replicas alike, one step and metric', kind: { simple: true } },
  { name: 'replicas that differ', kind: { replicas: true } },
  { name: 'replicas that differ, one step and metric', kind: { replicas: true, simple: true } },
  { name: 'outages of both', kind: { outages: true } },
  { name: 'outages of both, one step and metric', kind: { outages: true, simple: true } },
];

// 'edge' and 'just beyond' are the hardest that the levels speak of: exactly as bad as tolerated, which must not be
// aborted, and worse by an atom, which must not be promoted. The levels are for a rollout's whole life.
const healthy: Health[] = ['equal', 'better', 'edge'];
const sick: Health[] = ['just beyond', 'beyond'];
const canariesOfEach = 1000;

type Tally = Record<Outcome, number>;

describe('30,000 canaries, judged at every look', () => {
  const seed = Number(process.env['SEED'] ?? 5);
  const tallies = new Map<string, Tally>();

  beforeAll(() => {
    console.log(`SEED=${seed} repeats this`);
    const random = seeded(seed);
    for (const { name, kind } of groups)
      for (const health of [...healthy, ...sick]) {
        const tally = rollMany(random, health, kind, canariesOfEach);
        tallies.set(`${name}: ${health}`, tally);
        console.log(`${name}: ${health}: ${describeTally(tally)}`);
      }
  });

  const realised = (group: RegExp, kinds: readonly Health[], outcome: Outcome): number => {
    const names = groups.map(({ name }) => name).filter((name) => group.test(name));
    const chosen = names.flatMap((name) => kinds.map((health) => tallies.get(`${name}: ${health}`)!));
    const wrong = chosen.reduce((sum, tally) => sum + tally[outcome], 0);
    const canaries = chosen.length * canariesOfEach;
    const bound = upperBound(wrong, canaries);
    console.log(
      `${String(group)}: ${kinds.join(', ')}: ${wrong} of ${canaries} ${outcome}, below ${(bound * 100).toFixed(2)} % (95 %)`,
    );
    return bound;
  };

  it.each([/./, /alike/, /differ/, /outages/, /alike.*one/, /differ.*one/, /outages.*one/])(
    'keeps what it states in the groups %s',
    (group) => {
      expect(realised(group, healthy, 'aborted')).toBeLessThan(levels.falseAbort);
      expect(realised(group, sick, 'promoted')).toBeLessThan(levels.falsePromotion);
    },
  );

  it.each([/./, /alike/, /differ/, /outages/])('keeps it at the edge of the tolerance in %s', (group) => {
    expect(realised(group, ['edge'], 'aborted')).toBeLessThan(levels.falseAbort);
    expect(realised(group, ['just beyond'], 'promoted')).toBeLessThan(levels.falsePromotion);
  });

  it('decides on most that have the traffic for it', () => {
    expect(tallies.get('replicas alike, one step and metric: equal')!.promoted).toBeGreaterThan(500);
    expect(tallies.get('replicas alike, one step and metric: beyond')!.aborted).toBeGreaterThan(500);
  });

  it('would notice a judge that may not be asked at each look: a z-test at the same levels', () => {
    const random = seeded(seed);
    const canaries = 2000;
    const { aborted } = rollMany(random, 'edge', { simple: true }, canaries, zTest);
    const { promoted } = rollMany(random, 'just beyond', { simple: true }, canaries, zTest);
    console.log(`a z-test at each look: of ${canaries} ${aborted} aborted, ${promoted} promoted`);
    expect(aborted / canaries).toBeGreaterThan(levels.falseAbort);
    expect(promoted / canaries).toBeGreaterThan(levels.falsePromotion);
  });
});

function rollMany(
  random: () => number,
  health: Health,
  kind: Parameters<typeof randomCanary>[2],
  count: number,
  verdict?: Verdict,
): Tally {
  const tally: Tally = { aborted: 0, promoted: 0, open: 0 };
  for (let i = 0; i < count; i++) tally[roll(random, randomCanary(random, health, kind), levels, verdict)]++;
  return tally;
}

function describeTally({ aborted, promoted, open }: Tally): string {
  return `${aborted} aborted, ${promoted} promoted, ${open} undecided`;
}

/** One-sided at 1 % and at 5 %. */
const zTest: Verdict = (control, treatment, { tolerance }) => {
  const [p, q] = [control.events / control.trials, treatment.events / treatment.trials];
  const error = Math.sqrt((p * (1 - p)) / control.trials + (q * (1 - q)) / treatment.trials);
  const z = (q - p - tolerance) / error;
  return z > 2.326 ? 'worse' : z < -1.645 ? 'no-worse' : 'unsure';
};

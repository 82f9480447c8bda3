import { describe, expect, it } from 'vitest';

import { designEffect } from '../../../src/lib/statistics/design-effect.js';
import type { Proportion } from '../../../src/lib/statistics/proportion.js';
import { beta, binomial, seeded } from './sampling.js';

const of = (events: number, trials: number): Proportion => ({ events, trials });

describe('designEffect', () => {
  it.each<[string, Proportion[][]]>([
    ['no replicas', []],
    ['one each', [[of(50, 1000)], [of(90, 1000)]]],
    ['nothing failed', [[of(0, 1000), of(0, 900)], [of(0, 100)]]],
    ['everything failed', [[of(100, 100), of(90, 90)]]],
    ['no requests', [[of(0, 0), of(0, 0)], [of(0, 0)]]],
    ['replicas alike', [[of(50, 1000), of(51, 1000), of(49, 1000)], [of(50, 1000)]]],
  ])('is 1: %s', (_, arms) => {
    expect(designEffect(arms)).toBe(1);
  });

  it('does not depend on the order of arms and replicas, nor on idle replicas', () => {
    const [a, b] = [
      [of(50, 1000), of(90, 1000), of(10, 900)],
      [of(3, 100), of(12, 150)],
    ];
    const effect = designEffect([a, b]);
    expect(effect).toBeGreaterThan(5);
    expect(designEffect([[...b].reverse(), [...a, of(0, 0)].reverse()])).toBeCloseTo(effect, 10);
  });

  it.each([
    [0, 2000],
    [0.2, 2000],
    [0.2, 200_000],
  ])(
    'is about the variance of the difference, replicas that vary by %d, ÷ without (%d requests each)',
    (variation, requests) => {
      const random = seeded(3);
      const rate = 0.05;
      const rateOfReplica = (): number => {
        const concentration = (1 - rate) / (rate * variation ** 2) - 1;
        return variation === 0 ? rate : beta(random, rate * concentration, (1 - rate) * concentration);
      };
      const arm = (): Proportion[] =>
        Array.from({ length: 20 }, () => of(binomial(random, requests, rateOfReplica()), requests));
      const rateOf = (replicas: Proportion[]): number =>
        replicas.reduce((sum, { events }) => sum + events, 0) / (requests * replicas.length);
      const effects: number[] = [];
      let square = 0;
      for (let i = 0; i < 1000; i++) {
        const arms = [arm(), arm()];
        effects.push(designEffect(arms));
        square += (rateOf(arms[0]!) - rateOf(arms[1]!)) ** 2 / 1000;
      }
      const independent = (2 * rate * (1 - rate)) / (20 * requests);
      const estimated = effects.reduce((sum, effect) => sum + effect, 0) / effects.length;
      // Never much less; more, because it is cautious with 38 degrees of freedom.
      expect(estimated).toBeGreaterThan(0.9 * (square / independent));
      expect(estimated).toBeLessThan(1.5 * (square / independent));
    },
  );
});

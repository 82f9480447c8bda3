import type { JsonPatchOperation } from '../../../clients/kubernetes/resource.js';
import { UserError } from '../../../core/errors.js';
import { formatPercent } from '../../../core/units.js';
import type { Weights } from '../../route.js';

/** One destination of a weighted list, and where its weight stands. */
export interface Destination {
  /** JSON pointer of the weight. */
  readonly path: string;
  /** Undefined: the field is missing. */
  readonly written: number | undefined;
  /** What counts: a missing weight means something else in each API. */
  readonly weight: number;
}

/** The two versions among the destinations of one route, to which their sum of weights is shared out. */
export interface WeightedPair {
  /** `http[1] (main)`, for people. */
  readonly where: string;
  readonly stable: Destination;
  readonly canary: Destination;
  /** Nothing else gets traffic there, so that their weights may make 100. */
  readonly alone: boolean;
}

/**
 * Where the routes disagree, since somebody edited one of them, the canary's largest share: whoever aborts must not have
 * to mend them first, and the next change makes them equal.
 * @throws UserError when a pair has no weight at all
 */
export function weightsOf(object: string, pairs: readonly WeightedPair[]): Weights {
  const all = pairs.map((pair) => {
    const sum = pair.stable.weight + pair.canary.weight;
    if (sum <= 0)
      throw new UserError(`${object}: in ${pair.where} both versions have weight 0`, {
        hint: 'Give the stable version its weight there, and run the command again.',
        code: 'ROUTE',
      });
    return (pair.canary.weight * 100) / sum;
  });
  const canary = Math.max(...all);
  return { stable: 100 - canary, canary };
}

/** @throws UserError when a pair's sum of weights cannot be shared out so. */
export function patchWeights(
  object: string,
  pairs: readonly WeightedPair[],
  weights: Weights,
): JsonPatchOperation[] {
  return pairs.flatMap((pair) => {
    const sum = pair.alone ? 100 : pair.stable.weight + pair.canary.weight;
    const canary = wholeShare(weights.canary, sum);
    if (canary === undefined)
      throw new UserError(
        `${object}: in ${pair.where} the versions' weights make ${sum}, in which ${percent(weights.canary)} cannot be written`,
        { hint: 'Make them 100 together, or choose steps that fit.', code: 'ROUTE' },
      );
    return [[pair.stable, sum - canary] as const, [pair.canary, canary] as const].flatMap(
      ([{ path, written }, value]): JsonPatchOperation[] =>
        written === value ? [] : [{ op: 'add', path, value }],
    );
  });
}

/** `percent` of `total`, when that is a whole number. */
export function wholeShare(percent: number, total: number): number | undefined {
  const exact = (percent * total) / 100;
  const whole = Math.round(exact);
  // 1.1% of 1000 comes out as 11.000000000000002.
  return Math.abs(exact - whole) < 1e-9 ? whole : undefined;
}

function percent(value: number): string {
  return formatPercent(value / 100, Number.isInteger(value) ? 0 : 2);
}

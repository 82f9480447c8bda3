import { formatCount } from '../../core/units.js';
import { designEffect } from '../../statistics/design-effect.js';
import { judgeIncrease } from '../../statistics/difference.js';
import type { Proportion } from '../../statistics/proportion.js';
import type { Arm } from '../spec.js';
import type { CheckResult } from './judgement.js';

/** How sharply two shares are compared. */
export interface Levels {
  /** Of one metric in one step. */
  readonly falseAbort: number;
  readonly falsePromotion: number;
  /** The canary's share of the requests. */
  readonly share: number;
}

export interface Checked {
  readonly check: CheckResult;
  readonly warnings: readonly string[];
}

/** Whether the canary's share exceeds stable's by more than the tolerance, with the numbers that the answer rests on. */
export function compare(
  name: string,
  stable: Proportion,
  canary: Proportion,
  replicas: readonly (readonly Proportion[])[],
  tolerance: number,
  limit: string,
  levels: Levels,
  what: Readonly<Record<Arm, string>> = { stable: '', canary: '' },
): Checked {
  if (stable.trials === 0 || canary.trials === 0)
    return { check: { name, verdict: 'no-data', observed: 'no requests to compare', limit }, warnings: [] };
  const effect = designEffect(replicas);
  const { verdict, difference, lower, upper } = judgeIncrease(
    divided(stable, effect),
    divided(canary, effect),
    { ...levels, tolerance },
  );
  const shares = `${rate(canary)} of ${formatCount(canary.trials)}${what.canary} against ${rate(stable)} of ${formatCount(stable.trials)}${what.stable}`;
  const differing = effect > approximateFrom;
  const counted = differing ? `, counts divided by ${effect.toFixed(1)}` : '';
  return {
    check: {
      name,
      verdict: verdict === 'worse' ? 'failed' : verdict === 'no-worse' ? 'passed' : 'waiting',
      observed: `${shares}; increase ${hundredths(lower)} to ${points(upper)}${counted}`,
      limit,
      numbers: {
        canary: canary.events,
        canaryOf: canary.trials,
        stable: stable.events,
        stableOf: stable.trials,
        difference,
        lower,
        upper,
        tolerance,
        designEffect: effect,
      },
    },
    warnings: differing
      ? [
          `${name}: replicas differ from each other, so counts are divided by ${effect.toFixed(1)}: approximate`,
        ]
      : [],
  };
}

/** Below this the replicas' differences are chance. */
const approximateFrom = 1.05;

export function divided({ events, trials }: Proportion, effect: number): Proportion {
  return { events: events / effect, trials: trials / effect };
}

export function rate({ events, trials }: Proportion): string {
  return `${digits((100 * events) / trials)}%`;
}

/** A difference of shares in percentage points: `0.4 points`. */
export function points(difference: number): string {
  const text = hundredths(difference);
  return `${text} ${text === '1' ? 'point' : 'points'}`;
}

function hundredths(difference: number): string {
  return digits(100 * difference).replace('-', '−');
}

/** Two digits that tell something, and no more than three decimals. */
function digits(value: number): string {
  const size = Math.abs(value);
  return String(Number(value.toFixed(size >= 10 ? 1 : size >= 0.1 ? 2 : 3)));
}

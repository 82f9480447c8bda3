import { type Aim, verdictOf } from './difference.js';

/** What a step is planned for. */
export interface Plan extends Aim {
  /** The control's rate of events, 0 to 1. */
  readonly errorRate: number;
  /** The treatment's share of the requests, strictly between 0 and 1. */
  readonly share: number;
  readonly falsePromotion: number;
}

/**
 * Requests until a treatment that equals the control is 'no-worse' with a probability of about 80 %: those of the canary and
 * those of both. They are the least with which the test passes when the treatment has a little bad luck: as much as leaves
 * four in five done by then, since a look before may have passed already (simulated over rates, shares and tolerances, at
 * fifteen looks). Requests of replicas that differ count for less: multiply by the design effect.
 * Infinity when 10¹² are not enough: a tolerance that cannot be told from none.
 */
export function requestsNeeded(plan: Plan): { readonly canary: number; readonly total: number } {
  const { errorRate, share } = plan;
  const passes = (total: number): boolean => {
    const [control, treatment] = [total * (1 - share), total * share];
    const unlucky = BAD_LUCK * Math.sqrt((treatment * errorRate * (1 - errorRate)) / (1 - share));
    return (
      verdictOf(
        { events: control * errorRate, trials: control },
        { events: Math.min(treatment, treatment * errorRate + unlucky), trials: treatment },
        { ...plan, falseAbort: 0.5 },
      ) === 'no-worse'
    );
  };
  let most = 16;
  while (!passes(most)) {
    most *= 2;
    if (most > 1e12) return { canary: Infinity, total: Infinity };
  }
  let least = most / 2;
  while (most - least > Math.max(1, most / 200)) {
    const middle = (least + most) / 2;
    if (passes(middle)) most = middle;
    else least = middle;
  }
  return { canary: Math.ceil(most * share), total: Math.ceil(most) };
}

/** In standard deviations. */
const BAD_LUCK = 0.6;

import { checkedProportion, type Proportion } from './proportion.js';

/**
 * By how much the variance of the arms' difference exceeds that of independent requests, because requests that one replica
 * answers resemble each other: a divisor for the counts of both arms. `arms` are the replicas of each arm, as counted.
 *
 * The replicas' rates are taken to vary around that of their arm by the same coefficient of variation in each arm, say v.
 * Pearson's chi-square between the replicas of an arm then exceeds its degrees of freedom by v² × a known amount, so that v²
 * can be had by the method of moments, weighting the arms by their information (Williams 1982). Since it comes from few
 * degrees of freedom it is enlarged by about as much as Student's t exceeds the normal. What v² adds to the variance of the
 * arms' rates, relative to what they have with independent requests, is the design effect (Rao and Scott 1992).
 *
 * At least 1; 1 where no arm has two replicas with requests or where nothing failed, for then nothing is known. Verdicts
 * that rest on it are approximate: the fewer the replicas, and the more they differ, the more so.
 */
export function designEffect(arms: readonly (readonly Proportion[])[]): number {
  const known = arms.map(variances).filter((arm) => arm !== undefined);
  const squaredVariation = (weight: (arm: Variances) => number): number => {
    const sensitivity = sum(known, (arm) => weight(arm) * arm.freedom * arm.sensitivity);
    const excess = sum(known, (arm) => weight(arm) * (arm.chiSquare - arm.freedom));
    return sensitivity > 0 ? Math.max(0, excess) / sensitivity : 0;
  };
  const roughly = squaredVariation(({ sensitivity }) => sensitivity);
  const estimate = squaredVariation(({ sensitivity }) => sensitivity / (1 + roughly * sensitivity) ** 2);
  if (estimate === 0) return 1;
  // Degrees of freedom of the estimate (Satterthwaite): an arm whose requests are too few to show it adds hardly any.
  const signal = ({ sensitivity }: Variances): number =>
    (estimate * sensitivity) / (1 + estimate * sensitivity);
  const freedom =
    sum(known, (arm) => arm.freedom * signal(arm)) ** 2 / sum(known, (arm) => arm.freedom * signal(arm) ** 2);
  const cautious = estimate * (1 + 2 / freedom) ** 2;
  return (
    1 + (cautious * sum(known, ({ amongReplicas }) => amongReplicas)) / sum(known, ({ within }) => within)
  );
}

interface Variances {
  readonly chiSquare: number;
  readonly freedom: number;
  /** Growth of the expected chi-square with v², for each degree of freedom. */
  readonly sensitivity: number;
  /** Variance of the arm's rate with independent requests. */
  readonly within: number;
  /** What replicas with v = 1 add to it. */
  readonly amongReplicas: number;
}

/** Undefined where all requests fared alike. */
function variances(arm: readonly Proportion[]): Variances | undefined {
  const replicas = arm.map(checkedProportion).filter(({ trials }) => trials > 0);
  const trials = sum(replicas, (replica) => replica.trials);
  const rate = sum(replicas, (replica) => replica.events) / trials;
  if (!(rate > 0 && rate < 1)) return undefined;
  const variance = rate * (1 - rate);
  const freedom = replicas.length - 1;
  /** Requests of the replica that answered a request, on average. */
  const company = sum(replicas, (replica) => replica.trials ** 2) / trials;
  return {
    chiSquare: sum(replicas, (each) => (each.events - each.trials * rate) ** 2 / (each.trials * variance)),
    freedom,
    sensitivity: freedom === 0 ? 0 : Math.max(0, (trials - company) / freedom - 1) * (rate / (1 - rate)),
    within: variance / trials,
    amongReplicas: (rate ** 2 * Math.max(0, company - 1)) / trials,
  };
}

function sum<T>(of: readonly T[], value: (one: T) => number): number {
  return of.reduce((total, one) => total + value(one), 0);
}

import { type Bet, type Null, type Question, refutes } from './difference-test.js';
import { checkedProportion, type Proportion } from './proportion.js';

/** What is fixed before the first request is counted. The guarantees hold whatever it says; the speed depends on it. */
export interface Aim {
  /** The difference of the rates that matters, −1 to 1 (0.01 for a percentage point): the tests are sharpest around it. */
  readonly tolerance: number;
  /** The treatment's share of the requests, between 0 and 1; a half unless said. */
  readonly share?: number;
}

export interface Levels extends Aim {
  /** Probability that a treatment within the tolerance is ever judged 'worse', however often one looks. */
  readonly falseAbort: number;
  /** Probability that one beyond it is ever judged 'no-worse'. */
  readonly falsePromotion: number;
}

export interface Bounds {
  readonly lower: number;
  readonly upper: number;
}

export interface Judgement extends Bounds {
  /** 'worse': the lower end exceeds the tolerance; 'no-worse': the upper end is below it. */
  readonly verdict: 'worse' | 'no-worse' | 'unsure';
  /** Treatment's rate − control's rate as counted; 0 while one of them has no requests. */
  readonly difference: number;
}

/** The verdict on d = treatment's rate − control's rate from everything counted since the start, with what it rests on. */
export function judgeIncrease(control: Proportion, treatment: Proportion, levels: Levels): Judgement {
  const alphas = { lower: levels.falseAbort, upper: levels.falsePromotion };
  const bounds = differenceBounds(control, treatment, alphas, levels);
  return {
    verdict: verdictOf(control, treatment, levels),
    difference: observedDifference(control, treatment),
    ...bounds,
  };
}

/** The verdict of `judgeIncrease` alone, which is far quicker to have than the bounds. */
export function verdictOf(control: Proportion, treatment: Proportion, levels: Levels): Judgement['verdict'] {
  const { tolerance, falseAbort, falsePromotion } = levels;
  const ask = asker(control, treatment, levels);
  const difference = observedDifference(control, treatment);
  if (difference > tolerance)
    return refutes(ask('at most'), tolerance, checkedLevel(falseAbort)) ? 'worse' : 'unsure';
  return refutes(ask('at least'), tolerance, checkedLevel(falsePromotion)) ? 'no-worse' : 'unsure';
}

/**
 * Bounds of d = treatment's rate − control's rate, each valid at all looks at once: the probability that d is ever below
 * `lower` is at most `alphas.lower`, that it is ever above `upper` at most `alphas.upper`. Both are the ends of what
 * `refutes` leaves standing, found to within half a percent of their distance from the observed difference.
 * @throws RangeError when a count, a level, the tolerance or the share is outside of its range
 */
export function differenceBounds(
  control: Proportion,
  treatment: Proportion,
  alphas: Bounds,
  aim: Aim = { tolerance: 0.01 },
): Bounds {
  const ask = asker(control, treatment, aim);
  const observed = observedDifference(control, treatment);
  const end = (isNull: Null, away: 1 | -1, level: number): number => {
    const question = ask(isNull);
    const alpha = checkedLevel(level);
    const refuted = (distance: number): boolean => refutes(question, observed + away * distance, alpha);
    // The tolerance is tried first, so that the bounds and the verdict always agree.
    const first = away * (aim.tolerance - observed);
    const guess = first > 0 ? first : 4 * standardError(question);
    return observed + away * boundary(refuted, 1 - away * observed, guess);
  };
  return { lower: end('at most', -1, alphas.lower), upper: end('at least', 1, alphas.upper) };
}

/** The least distance that is refuted, or a little more: up to `limit`, which is the answer when nothing is. */
function boundary(refuted: (distance: number) => boolean, limit: number, guess: number): number {
  let [inner, outer] = [0, Math.min(guess, limit)];
  while (!refuted(outer)) {
    if (outer === limit) return limit;
    [inner, outer] = [outer, Math.min(2 * outer, limit)];
  }
  while (outer - inner > PRECISION * outer) {
    const middle = (inner + outer) / 2;
    if (refuted(middle)) outer = middle;
    else inner = middle;
  }
  return outer;
}

/** Roughly; above 0 even where nothing, or everything, failed. */
function standardError({ control, treatment }: Question): number {
  const variance = ({ events, trials }: Proportion): number =>
    ((events + 1) * (trials - events + 1)) / (trials + 2) ** 3;
  return Math.sqrt(variance(control) + variance(treatment));
}

function asker(control: Proportion, treatment: Proportion, aim: Aim): (isNull: Null) => Question {
  const { tolerance, share = 0.5 } = aim;
  if (!(Math.abs(tolerance) < 1)) throw new RangeError(`${tolerance} is no difference of two rates`);
  if (!(share > 0 && share < 1)) throw new RangeError(`${share} is no share of the requests`);
  const arms = { control: checkedProportion(control), treatment: checkedProportion(treatment), share };
  return (isNull) => ({ ...arms, isNull, bets: isNull === 'at most' ? increases(aim) : decreases(aim) });
}

/** Bets on how far a bad treatment exceeds the tolerance: nobody knows, so on every size, most on one to sixteen times it. */
function increases({ tolerance }: Aim): Bet[] {
  if (tolerance <= 0) return bets(1, (power) => 1 / (24 - power));
  return bets(tolerance, (power) => 1 / (1 + ((power - 1) / 2.5) ** 2));
}

/** Bets on how far a good treatment stays below it: mostly that it equals the control. */
function decreases({ tolerance }: Aim): Bet[] {
  if (tolerance <= 0) return increases({ tolerance });
  return bets(tolerance, (power) => (power === 0 ? 8 : 1 / (1 + power ** 2)));
}

/** Stakes on the sizes `unit` × 2^power from a millionth to 1, in proportion to `stake(power)`. */
function bets(unit: number, stake: (power: number) => number): Bet[] {
  const sizes: { size: number; stake: number }[] = [];
  for (let power = Math.ceil(Math.log2(SMALLEST / unit)); unit * 2 ** power < 1; power++)
    sizes.push({ size: unit * 2 ** power, stake: stake(power) });
  const sum = sizes.reduce((total, { stake }) => total + stake, 0);
  return sizes.map(({ size, stake }) => ({ size, stake: stake / sum }));
}

function observedDifference(control: Proportion, treatment: Proportion): number {
  if (control.trials === 0 || treatment.trials === 0) return 0;
  return Math.min(1, treatment.events / treatment.trials) - Math.min(1, control.events / control.trials);
}

function checkedLevel(alpha: number): number {
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`${alpha} is no level between 0 and 1`);
  return alpha;
}

const PRECISION = 5e-3;
/** Of the differences that are bet on. */
const SMALLEST = 1e-6;

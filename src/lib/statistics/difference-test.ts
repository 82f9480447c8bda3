import { logLikelihood, logMarginal, rateBounds, type Proportion } from './proportion.js';

/** Which difference is to be refuted: that the treatment's rate exceeds the control's by at most, or at least, so much. */
export type Null = 'at most' | 'at least';

/** A size of effect beyond the null's edge that the test bets on, and its share of the stake: those of all bets sum to 1. */
export interface Bet {
  readonly size: number;
  readonly stake: number;
}

export interface Question {
  readonly control: Proportion;
  readonly treatment: Proportion;
  readonly isNull: Null;
  readonly bets: readonly Bet[];
  /** The treatment's share of the requests as fixed before they came, strictly between 0 and 1. */
  readonly share: number;
}

/**
 * Whether "the difference is at most (at least) `edge`" is refuted at level `alpha`, at a look that may be one of any
 * number: the probability that a true one is ever refuted is at most `alpha`.
 *
 * Why. Fix a pair θ = (s, c = s + edge) on the null's edge. Each request multiplies a stake by the ratio of its probability
 * under some other pair to that under θ; averaged over other pairs fixed in advance this is a martingale of mean 1 under θ
 * in whatever order the arms' requests come (Ville 1939; Robbins 1970), so that it ever reaches 1/alpha with probability at
 * most alpha. Should the true treatment rate lie deeper inside the null, the product only shrinks, since every pair that is
 * bet on moves the treatment's rate out of the null. The control's true rate is unknown, therefore every s must be refuted:
 * the minimum over s is what counts, an e-process (Ramdas et al. 2020, arXiv 2009.03167; Wasserman et al. 2020).
 *
 * What is bet on may differ from s to s, which is what makes it sharp:
 * - Most of the stake is on pairs along one line through θ, in the direction in which the likelihood separates fastest
 *   from the null's edge: both rates move apart in proportion to their variances (Turner, Ly and Grünwald 2024, arXiv
 *   2106.02693, show for δ = 0 that this is the best pair; arXiv 2203.09785 for linear edges). Along that line the evidence
 *   hardly changes with s, so that not knowing s costs next to nothing. And while the arms keep to their shares, the line's
 *   product is a supermartingale for any s even if the rates of both arms wander together, as in an outage.
 * - The rest is on any control rate at all (a Beta mixture), times the same bets on the treatment alone: this refutes the
 *   s that the control itself rules out, as in the confidence set of Berger and Boos (1994).
 */
export function refutes(question: Question, edge: number, alpha: number): boolean {
  // A little more than what the theory asks for, since the least capital is searched for at finitely many rates.
  const needed = MARGIN / alpha;
  const marginal = logMarginal(question.control);
  const likely = likeliest(question, edge);
  // Nearly every question that stays open is open there.
  if (
    likely > Math.max(0, -edge) &&
    likely < Math.min(1, 1 - edge) &&
    capital(question, likely, edge, marginal) < needed
  )
    return false;
  // Outside of these bounds the control alone refutes s.
  const alone = alpha * ANY_CONTROL * NO_BET;
  const ofControl = rateBounds(question.control, alone);
  const from = Math.max(ofControl.lower, 0, -edge);
  const to = Math.min(ofControl.upper, 1, 1 - edge);
  if (!(from <= to)) return true;
  const at = (angle: number): number => capital(question, Math.sin(angle) ** 2, edge, marginal);
  const ofTreatment = rateBounds(question.treatment, alone);
  const angles = candidates(from, to, edge, ofTreatment);
  const reached = angles.map(at);
  if (reached.some((here) => here < needed)) return false;
  // Between two candidates, which are about a standard error apart, the capital falls by far less than this.
  return reached.every(
    (here, i) =>
      here > 8 * needed ||
      here > Math.min(reached[i - 1] ?? Infinity, reached[i + 1] ?? Infinity) ||
      minimum(at, angles[Math.max(0, i - 1)]!, angles[Math.min(angles.length - 1, i + 1)]!) >= needed,
  );
}

/** About the likeliest s if the difference is `edge`: what the two arms say of it, each as heavily as it knows it. */
function likeliest({ control, treatment }: Question, edge: number): number {
  const [ofControl, ofTreatment] = [control, treatment].map(({ events, trials }) => {
    const rate = (events + 0.5) / (trials + 1);
    return { rate, weight: (trials + 1) / (rate * (1 - rate)) };
  }) as [Weighed, Weighed];
  return (
    (ofControl.rate * ofControl.weight + (ofTreatment.rate - edge) * ofTreatment.weight) /
    (ofControl.weight + ofTreatment.weight)
  );
}

interface Weighed {
  readonly rate: number;
  readonly weight: number;
}

/**
 * The rates s to try, as angles, in which a rate's standard error is the same everywhere: evenly between the bounds, and
 * evenly over those that suit the treatment, which may know its rate far better. Not the bounds themselves, where a rate of
 * exactly 0 or 1 may be impossible while all others beside it are not.
 */
function candidates(
  from: number,
  to: number,
  edge: number,
  treatment: { readonly lower: number; readonly upper: number },
): number[] {
  const [lower, upper] = [Math.max(from, treatment.lower - edge), Math.min(to, treatment.upper - edge)];
  const rates = spread(from, to);
  if (lower < upper) rates.push(...spread(lower + edge, upper + edge).map((rate) => rate - edge));
  return rates.map((rate) => arc(Math.min(to, Math.max(from, rate)))).sort((a, b) => a - b);
}

function spread(from: number, to: number): number[] {
  const [start, end] = [arc(from), arc(to)];
  return Array.from({ length: STEPS + 1 }, (_, i) => {
    const part = Math.min(1 - NEAR, Math.max(NEAR, i / STEPS));
    return Math.sin(start + (end - start) * part) ** 2;
  });
}

/** What a stake of 1 against the pair (s, s + edge) has become; Infinity when the data are impossible under it. */
function capital(
  { control, treatment, isNull, bets, share }: Question,
  s: number,
  edge: number,
  marginal: number,
): number {
  const c = Math.min(1, Math.max(0, s + edge));
  const ofControl = logLikelihood(control, s);
  if (ofControl === -Infinity || logLikelihood(treatment, c) === -Infinity) return Infinity;
  const away = isNull === 'at most' ? 1 : -1;
  const controlVariance = (s * (1 - s)) / (1 - share);
  const treatmentVariance = (c * (1 - c)) / share;
  const controlPart = controlVariance / (controlVariance + treatmentVariance || 1);
  let [line, alone] = [0, NO_BET];
  for (const { size, stake } of bets) {
    const ofBoth =
      logRatio(treatment, c, between(c, c + away * size * (1 - controlPart))) +
      logRatio(control, s, between(s, s - away * size * controlPart));
    line += stake * Math.exp(ofBoth);
    alone += (1 - NO_BET) * stake * Math.exp(logRatio(treatment, c, between(c, c + away * size)));
  }
  return (1 - ANY_CONTROL) * line + ANY_CONTROL * Math.exp(marginal - ofControl) * alone;
}

/** `moved`, but not all the way to 0 or 1, where one request could end the bet. */
function between(from: number, moved: number): number {
  return Math.min(1 - (1 - from) * CLOSEST, Math.max(from * CLOSEST, moved));
}

/** ln of likelihood at `to` ÷ likelihood at `from`, which is possible. */
function logRatio({ events, trials }: Proportion, from: number, to: number): number {
  const others = trials - events;
  return (
    (events > 0 ? events * Math.log1p((to - from) / from) : 0) +
    (others > 0 ? others * Math.log1p((from - to) / (1 - from)) : 0)
  );
}

/** Golden-section search of a function with one minimum. */
function minimum(of: (x: number) => number, from: number, to: number): number {
  let [low, high] = [from, to];
  let [left, right] = [high - GOLDEN * (high - low), low + GOLDEN * (high - low)];
  let [atLeft, atRight] = [of(left), of(right)];
  for (let i = 0; i < 8; i++) {
    if (atLeft < atRight) {
      [high, right, atRight] = [right, left, atLeft];
      left = high - GOLDEN * (high - low);
      atLeft = of(left);
    } else {
      [low, left, atLeft] = [left, right, atRight];
      right = low + GOLDEN * (high - low);
      atRight = of(right);
    }
  }
  return Math.min(atLeft, atRight);
}

function arc(rate: number): number {
  return Math.asin(Math.sqrt(Math.min(1, Math.max(0, rate))));
}

const STEPS = 12;
const NEAR = 1e-6;
const MARGIN = 1.05;
const GOLDEN = (Math.sqrt(5) - 1) / 2;
/** The nearest that a bet comes to a rate of 0 or 1, as a part of the way from the null's rate. */
const CLOSEST = 1 / 16;
/** The stake's share on any control rate. */
const ANY_CONTROL = 0.2;
/** The share of that which leaves the treatment's rate as it is. */
const NO_BET = 0.25;

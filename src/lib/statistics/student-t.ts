import { logBeta } from './log-gamma.js';

/**
 * The value that Student's t with `freedom` degrees of freedom (> 0, fractions too) does not exceed with probability `p`.
 * @throws RangeError when `p` is not between 0 and 1, or `freedom` is not positive
 */
export function studentQuantile(p: number, freedom: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`${p} is not a probability between 0 and 1`);
  if (!(freedom > 0)) throw new RangeError(`${freedom} degrees of freedom are not positive`);
  if (p < 0.5) return -studentQuantile(1 - p, freedom);
  const logScale = -logBeta(freedom / 2, 0.5) - Math.log(freedom) / 2;
  const density = (t: number): number =>
    Math.exp(logScale - ((freedom + 1) / 2) * Math.log1p((t * t) / freedom));
  // Newton's method: the upper tail is convex, so that each step stays short of the quantile.
  let t = 0;
  for (let i = 0; i < 200; i++) {
    const step = (upperTail(t, freedom) - (1 - p)) / density(t);
    t += step;
    if (step <= 1e-13 * t) break;
  }
  return t;
}

/** The probability that Student's t exceeds `t` ≥ 0. */
function upperTail(t: number, freedom: number): number {
  return incompleteBeta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2;
}

/** The regularised incomplete beta function I_x(a, b), by its continued fraction (Abramowitz and Stegun 26.5.8). */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The fraction converges quickly on this side of the mean only.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  return (Math.exp(a * Math.log(x) + b * Math.log1p(-x) - logBeta(a, b)) / a) * fraction(x, a, b);
}

/** Evaluated by the method of Lentz (1976). */
function fraction(x: number, a: number, b: number): number {
  let c = 1;
  let d = 1 / awayFromZero(1 - ((a + b) * x) / (a + 1));
  let value = d;
  for (let m = 1; m < 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    let change = 1;
    for (const term of [even, odd]) {
      d = 1 / awayFromZero(1 + term * d);
      c = awayFromZero(1 + term / c);
      change = c * d;
      value *= change;
    }
    if (Math.abs(change - 1) < 1e-15) break;
  }
  return value;
}

function awayFromZero(value: number): number {
  return Math.abs(value) < 1e-300 ? 1e-300 : value;
}

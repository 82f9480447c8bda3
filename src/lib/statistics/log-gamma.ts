/**
 * ln Γ(x) for x > 0: Stirling's series, after Γ(x + 1) = x Γ(x) has carried x to 10 or more. The error is a few units in
 * the last place of the larger of 1 and the result, for any size of x.
 */
export function logGamma(x: number): number {
  let shifted = x;
  let product = 1;
  for (; shifted < 10; shifted++) product *= shifted;
  return stirling(shifted) + remainder(shifted) - Math.log(product);
}

/** ln B(a, b) for a, b > 0; keeps its digits where one of them is tiny beside the other. */
export function logBeta(a: number, b: number): number {
  const [small, large] = a < b ? [a, b] : [b, a];
  if (large < 10) return logGamma(small) + logGamma(large) - logGamma(small + large);
  // ln Γ(large) − ln Γ(large + small) without the digits that the two have in common.
  const rest =
    -small * Math.log(large + small) -
    (large - 0.5) * Math.log1p(small / large) +
    small +
    remainder(large) -
    remainder(large + small);
  return logGamma(small) + rest;
}

function stirling(x: number): number {
  return (x - 0.5) * Math.log(x) - x + HALF_LOG_TWO_PI;
}

function remainder(x: number): number {
  const y = 1 / (x * x);
  return (
    (1 / 12 - y * (1 / 360 - y * (1 / 1260 - y * (1 / 1680 - y * (1 / 1188 - y * (691 / 360_360)))))) / x
  );
}

const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);

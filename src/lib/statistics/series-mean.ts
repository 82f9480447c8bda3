/** The mean of a series whose neighbours may resemble each other. */
export interface SeriesMean {
  readonly mean: number;
  /** Of the mean; infinite for fewer than two values. */
  readonly standardError: number;
  /** Of Student's t, which (mean − true mean) ÷ standard error follows approximately. */
  readonly freedom: number;
}

/**
 * The mean of a series in the order of time, with a standard error that allows for correlation between neighbours.
 *
 * The variance of the mean of a stationary series is its spectral density at frequency 0 ÷ its length. It is estimated by the
 * average of the first few squared cosine coefficients, which are nearly independent of each other and of the mean; their
 * number is the degrees of freedom (Müller 2004; Lazarus, Lewis, Stock and Watson 2018, who recommend 0.4 n^(2/3) of
 * them). Unlike a variance that takes the values for independent it is right when neighbours are correlated, and
 * Student's t pays for its being an estimate.
 */
export function meanOfSeries(values: readonly number[]): SeriesMean {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  if (n < 2) return { mean, standardError: Infinity, freedom: 1 };
  const freedom = freedomOf(n);
  let squares = 0;
  for (let j = 1; j <= freedom; j++) {
    let coefficient = 0;
    for (let t = 0; t < n; t++) coefficient += (values[t]! - mean) * Math.cos((Math.PI * j * (t + 0.5)) / n);
    squares += (coefficient * coefficient * 2) / n;
  }
  return { mean, standardError: Math.sqrt(squares / freedom / n), freedom };
}

/** Degrees of freedom of the standard error that `meanOfSeries` gives for so many values. */
export function freedomOf(values: number): number {
  return Math.max(1, Math.round(0.4 * values ** (2 / 3)));
}

/** The mean of one series less that of another, which is independent of it (Welch 1947). */
export function differenceOfMeans(a: SeriesMean, b: SeriesMean): SeriesMean {
  const [ofA, ofB] = [a.standardError ** 2, b.standardError ** 2];
  const variance = ofA + ofB;
  const freedom = variance ** 2 / (ofA ** 2 / a.freedom + ofB ** 2 / b.freedom);
  return {
    mean: a.mean - b.mean,
    standardError: Math.sqrt(variance),
    freedom: Number.isFinite(freedom) ? freedom : Math.min(a.freedom, b.freedom),
  };
}

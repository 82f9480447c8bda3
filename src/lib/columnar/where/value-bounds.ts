/** What is known of some values of a column. */
export interface ValueBounds {
  /** Whether some may be null, and some may be not. */
  readonly hasNulls: boolean;
  readonly hasValues: boolean;
  /** None is less, or greater; in the form of PLAIN. Undefined: any may be. NaN is not meant. */
  readonly min: Buffer | undefined;
  readonly max: Buffer | undefined;
  /** Whether there may be NaN although there are bounds. */
  readonly mayHaveNaN: boolean;
}

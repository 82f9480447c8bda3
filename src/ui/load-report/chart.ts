/** A chart as data: drawn by the script of the page. */
export interface Chart {
  readonly title: string;
  /** Along the bottom: seconds of the run, or the share of requests that are at most so slow, below 1. */
  readonly x: { readonly kind: 'seconds' | 'share'; readonly values: readonly number[] };
  /** Of all lines: `ms`, `/s` or a count. */
  readonly unit: 'ms' | '/s' | 'count';
  /** From 0, or in powers of ten. */
  readonly scale: 'linear' | 'log';
  readonly lines: readonly Line[];
}

export interface Line {
  readonly label: string;
  /** As long as those of x; null where there is nothing. */
  readonly values: readonly (number | null)[];
  /** A colour of the page, by what it means. */
  readonly color: 'wanted' | 'main' | 'second' | 'bad' | 'warn' | 'low' | 'middle' | 'high' | 'highest';
  readonly dashed?: true;
}

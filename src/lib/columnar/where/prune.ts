import type { ValueBounds } from './value-bounds.js';
import type { Predicate } from './predicate.js';

/** Of some column: what is known of its values, or undefined. */
export type BoundsOf = (column: number) => ValueBounds | undefined;

/** What a condition can be of rows. */
interface Possible {
  readonly true: boolean;
  readonly false: boolean;
}

/** Whether a condition can be true of a row whose values are within bounds. */
export function canMatch(predicate: Predicate, boundsOf: BoundsOf): boolean {
  return possible(predicate, boundsOf).true;
}

function possible(predicate: Predicate, boundsOf: BoundsOf): Possible {
  switch (predicate.kind) {
    case 'unknown':
      return { true: false, false: false };
    case 'not': {
      const part = possible(predicate.part, boundsOf);
      return { true: part.false, false: part.true };
    }
    case 'and':
    case 'or': {
      const parts = predicate.parts.map((part) => possible(part, boundsOf));
      const isAnd = predicate.kind === 'and';
      return {
        true: isAnd ? parts.every((part) => part.true) : parts.some((part) => part.true),
        false: isAnd ? parts.some((part) => part.false) : parts.every((part) => part.false),
      };
    }
    case 'is null': {
      const bounds = boundsOf(predicate.column);
      return { true: bounds?.hasNulls ?? true, false: bounds?.hasValues ?? true };
    }
    case 'test': {
      const bounds = boundsOf(predicate.column);
      if (!bounds) return { true: true, false: true };
      return bounds.hasValues ? predicate.test.possible(bounds) : { true: false, false: false };
    }
  }
}

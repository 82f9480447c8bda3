import type { ScalarType } from '../type.js';
import type { ValueTest } from './value-tests.js';

/** A condition on the rows of a schema: its columns are numbers of fields. */
export type Predicate =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Predicate[] }
  | { readonly kind: 'not'; readonly part: Predicate }
  | { readonly kind: 'is null'; readonly column: number }
  | { readonly kind: 'test'; readonly column: number; readonly type: ScalarType; readonly test: ValueTest }
  /** NULL: neither true nor false. */
  | { readonly kind: 'unknown' };

/** Fields that it is about, ascending. */
export function columnsOf(predicate: Predicate): number[] {
  const found = new Set<number>();
  const visit = (each: Predicate): void => {
    if (each.kind === 'and' || each.kind === 'or') each.parts.forEach(visit);
    else if (each.kind === 'not') visit(each.part);
    else if (each.kind === 'is null' || each.kind === 'test') found.add(each.column);
  };
  visit(predicate);
  return [...found].sort((a, b) => a - b);
}

/** The same of fields in another order. @param numbers which fields are left, by the numbers that they had */
export function renumbered(predicate: Predicate, numbers: readonly number[]): Predicate {
  switch (predicate.kind) {
    case 'unknown':
      return predicate;
    case 'not':
      return { kind: 'not', part: renumbered(predicate.part, numbers) };
    case 'and':
    case 'or':
      return { kind: predicate.kind, parts: predicate.parts.map((part) => renumbered(part, numbers)) };
    case 'is null':
    case 'test':
      return { ...predicate, column: numbers.indexOf(predicate.column) };
  }
}

import type { Type } from '../type.js';
import type { RowType } from './named-type.js';
import { booleanOf, integerOf } from './numbers.js';
import { daysOf } from './times.js';
import { ValueUnfit } from './unfit.js';

const text: Type = { storage: 'bytes', meaning: { kind: 'text' } };

/**
 * As `type` is in a partition's name: values that are equal have one name.
 * @returns undefined for a type whose values have no short text
 */
export function partitionType({ type }: RowType): RowType | undefined {
  const print = printOf(type);
  return print && { type: text, isJson: false, convert: print };
}

function printOf(type: Type): ((value: unknown) => string) | undefined {
  if (type.storage === 'boolean') return (value) => String(booleanOf(value));
  // JavaScript's numbers, of which whole ones have one text.
  if (type.storage === 'float64') return (value) => integerOf(value, 64).toString();
  if (!('meaning' in type)) return undefined;
  const { meaning } = type;
  switch (meaning.kind) {
    case 'text':
      return (value) => {
        if (typeof value !== 'string') throw new ValueUnfit(value, 'text');
        return value;
      };
    case 'integer':
      return (value) => integerOf(value, meaning.bits).toString();
    case 'date':
      return dateText;
    default:
      return undefined;
  }
}

function dateText(value: unknown): string {
  const date = new Date(daysOf(value) * 86_400_000);
  const year = date.getUTCFullYear();
  // Not of an invalid Date, either.
  if (!(year >= 1 && year <= 9999)) throw new ValueUnfit(value, 'a date of the years 1 to 9999');
  return date.toISOString().slice(0, 10);
}

import { decimalType, mostDigits, widthOfDecimal } from './decimal.js';
import { typeName } from './type-name.js';
import type { Field, Meaning, ScalarType, Type } from './type.js';

/**
 * The narrowest type that holds the values of both: the more bits or digits, text where the other is JSON. Lists and records become
 * wider where their parts do. `widening` of the Parquet reader makes the values wider.
 * @returns undefined where there is none
 */
export function widerType(a: Type, b: Type): Type | undefined {
  if (a.storage === 'list' || b.storage === 'list') {
    const element = a.storage === 'list' && b.storage === 'list' && widerType(a.element, b.element);
    return element ? { storage: 'list', element } : undefined;
  }
  if (a.storage === 'struct' || b.storage === 'struct')
    return a.storage === 'struct' && b.storage === 'struct' ? widerRecord(a.fields, b.fields) : undefined;
  return widerScalar(a, b);
}

/** Whether values of both are kept in the same way, and mean the same. */
export function isSameScalar(a: Type, b: Type): boolean {
  return (
    'meaning' in a &&
    'meaning' in b &&
    a.storage === b.storage &&
    a.width === b.width &&
    typeName(a) === typeName(b)
  );
}

/** The types without parts that a type consists of, in order. */
export function scalarsOf(type: Type): ScalarType[] {
  if (type.storage === 'list') return scalarsOf(type.element);
  return type.storage === 'struct' ? type.fields.flatMap((field) => scalarsOf(field.type)) : [type];
}

function widerRecord(ones: readonly Field[], others: readonly Field[]): Type | undefined {
  if (ones.length !== others.length) return undefined;
  const fields: Field[] = [];
  for (const [i, { name, type }] of ones.entries()) {
    const wider = name === others[i]!.name ? widerType(type, others[i]!.type) : undefined;
    if (!wider) return undefined;
    fields.push({ name, type: wider });
  }
  return { storage: 'struct', fields };
}

function widerScalar(a: ScalarType, b: ScalarType): ScalarType | undefined {
  const [m, n] = [a.meaning, b.meaning];
  if (m.kind === 'decimal' && n.kind === 'decimal') return widerDecimal(a, m, b, n);
  if (isInteger(a) && isInteger(b)) return bitsOf(a) >= bitsOf(b) ? a : b;
  if (a.storage.startsWith('float') && b.storage.startsWith('float')) return a.storage === 'float64' ? a : b;
  if (m.kind === 'text' && n.kind === 'json') return a;
  if (m.kind === 'json' && n.kind === 'text') return b;
  // Files do not say whether INT96 is of UTC. Where one side knows, it is.
  if (m.kind === 'timestamp96' && n.kind === 'timestamp96') return m.isInstant ? a : b;
  return isSameScalar(a, b) ? a : undefined;
}

type Decimal = Extract<Meaning, { kind: 'decimal' }>;

function widerDecimal(a: ScalarType, m: Decimal, b: ScalarType, n: Decimal): ScalarType | undefined {
  const scale = Math.max(m.scale, n.scale);
  const precision = scale + Math.max(m.precision - m.scale, n.precision - n.scale);
  if (precision > mostDigits) return undefined;
  const isOf = ({ meaning }: ScalarType) =>
    meaning.kind === 'decimal' && meaning.precision === precision && meaning.scale === scale;
  if (isOf(a) && isOf(b)) return widthOfDecimal(a) >= widthOfDecimal(b) ? a : b;
  return isOf(a) ? a : isOf(b) ? b : decimalType(precision, scale);
}

function isInteger({ storage, meaning }: ScalarType): boolean {
  return (
    meaning.kind === 'integer' || (meaning.kind === 'plain' && (storage === 'int32' || storage === 'int64'))
  );
}

function bitsOf({ storage, meaning }: ScalarType): number {
  return meaning.kind === 'integer' ? meaning.bits : storage === 'int32' ? 32 : 64;
}

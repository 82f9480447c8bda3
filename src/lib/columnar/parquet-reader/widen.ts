import { UserError } from '../../core/errors.js';
import { typeName } from '../type-name.js';
import type { Field, ScalarType, Type } from '../type.js';
import type { Convert } from './conversions.js';
import { type FixedValues, fixedValues } from './values.js';

/**
 * How the leaves of a file's column become those of another type that holds all of its values.
 * @returns for each leaf, what is done with its values: `before`, and then the widening
 * @throws UserError `SCHEMA_MIXED`
 */
export function widening(
  { name, type }: Field,
  wanted: Field,
): (leaf: number, before: Convert | undefined) => Convert | undefined {
  const [from, to] = [scalarsOf(type), scalarsOf(wanted.type)];
  const steps = from.map((scalar, i) =>
    shapeOf(type) === shapeOf(wanted.type) ? widen(scalar, to[i]!) : undefined,
  );
  if (steps.includes(undefined))
    throw new UserError(
      `'${name}' is ${typeName(type)} in one file and ${typeName(wanted.type)} in another`,
      {
        code: 'SCHEMA_MIXED',
        hint: 'Leave the column out with --columns, or export everything again.',
      },
    );
  return (leaf, before) => {
    const step = steps[leaf]!;
    if (step === 'same') return before;
    return before ? (values) => step(before(values)) : step;
  };
}

/** The type that holds the values of both; undefined where there is none. */
export function widest(a: Type, b: Type): Type | undefined {
  if (JSON.stringify(a) === JSON.stringify(b)) return a;
  if (shapeOf(a) !== shapeOf(b)) return undefined;
  const holds = (wide: Type, narrow: Type): boolean => {
    const wides = scalarsOf(wide);
    return scalarsOf(narrow).every((scalar, i) => widen(scalar, wides[i]!) !== undefined);
  };
  return holds(b, a) ? b : holds(a, b) ? a : undefined;
}

function widen(from: ScalarType, to: ScalarType): 'same' | Convert | undefined {
  const { storage: a, meaning: m } = from;
  const { storage: b, meaning: n } = to;
  if (m.kind === 'decimal' && n.kind === 'decimal') {
    if (m.scale !== n.scale || m.precision > n.precision) return undefined;
    return from.storage === to.storage && from.width === to.width ? 'same' : decimalBytes(from, to);
  }
  if (a === b && from.width === to.width)
    return m.kind === n.kind || isNumber(m.kind, n.kind) || isText(m.kind, n.kind) ? 'same' : undefined;
  if (a === 'int32' && b === 'int64' && isNumber(m.kind, n.kind)) return wordToLong;
  if (a === 'float32' && b === 'float64') return floatToDouble;
  return undefined;
}

function isNumber(...kinds: readonly string[]): boolean {
  return kinds.every((kind) => kind === 'integer' || kind === 'plain');
}

function isText(...kinds: readonly string[]): boolean {
  return kinds.every((kind) => kind === 'text' || kind === 'json');
}

const wordToLong: Convert = (values) => {
  const { count, bytes } = values as FixedValues;
  const from = new Int32Array(bytes.buffer, bytes.byteOffset, count);
  const out = fixedValues(count, 8);
  for (let i = 0; i < count; i++) out.view.setBigInt64(8 * i, BigInt(from[i]!), true);
  return out;
};

const floatToDouble: Convert = (values) => {
  const { count, bytes } = values as FixedValues;
  const from = new Float32Array(bytes.buffer, bytes.byteOffset, count);
  const out = fixedValues(count, 8);
  for (let i = 0; i < count; i++) out.view.setFloat64(8 * i, from[i]!, true);
  return out;
};

function decimalBytes(from: ScalarType, to: ScalarType): Convert {
  return (values) => {
    const { count, bytes } = values as FixedValues;
    const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const width = to.storage === 'int32' ? 4 : to.storage === 'int64' ? 8 : to.width!;
    const out = fixedValues(count, width);
    const made = Buffer.from(out.bytes.buffer);
    for (let i = 0; i < count; i++) {
      const units = unitsAt(from, all, i);
      if (to.storage === 'int32') made.writeInt32LE(Number(units), 4 * i);
      else if (to.storage === 'int64') made.writeBigInt64LE(units, 8 * i);
      else
        made.write(
          BigInt.asUintN(8 * width, units)
            .toString(16)
            .padStart(2 * width, '0'),
          i * width,
          'hex',
        );
    }
    return out;
  };
}

/** The i-th decimal's units. */
export function unitsAt({ storage, width }: ScalarType, bytes: Buffer, i: number): bigint {
  if (storage === 'int32') return BigInt(bytes.readInt32LE(4 * i));
  if (storage === 'int64') return bytes.readBigInt64LE(8 * i);
  const hex = bytes.toString('hex', i * width!, (i + 1) * width!);
  return BigInt.asIntN(8 * width!, BigInt(`0x${hex}`));
}

function scalarsOf(type: Type): ScalarType[] {
  if (type.storage === 'list') return scalarsOf(type.element);
  return type.storage === 'struct' ? type.fields.flatMap((field) => scalarsOf(field.type)) : [type];
}

function shapeOf(type: Type): string {
  if (type.storage === 'list') return `[${shapeOf(type.element)}]`;
  if (type.storage !== 'struct') return '.';
  return `{${type.fields.map((field) => JSON.stringify(field.name) + shapeOf(field.type)).join(',')}}`;
}

import { floatOf, booleanOf } from '../rows/numbers.js';
import { bytesOf, uuidOf } from '../rows/bytes.js';
import { daysOf, timeOf, timestampOf } from '../rows/times.js';
import { ValueUnfit } from '../rows/unfit.js';
import { typeName } from '../type-name.js';
import type { ScalarType } from '../type.js';
import { scaledLiteral } from './decimal-literal.js';
import type { Literal, Operator } from './expression.js';
import { comparison, comparison96, constant, outcome, type ValueTest } from './value-tests.js';
import { whereError } from './where-error.js';

const accepted: Readonly<Record<Operator, number>> = {
  '<': outcome.less,
  '<=': outcome.less | outcome.equal,
  '=': outcome.equal,
  '<>': outcome.less | outcome.greater,
  '>=': outcome.greater | outcome.equal,
  '>': outcome.greater,
};

/**
 * A comparison with a value as it was written, which becomes one of the column's type.
 * @param text of the whole condition
 * @throws UserError `WHERE_INVALID`
 */
export function testOf(type: ScalarType, operator: Operator, literal: Literal, text: string): ValueTest {
  const isNumeric = type.meaning.kind === 'integer' || type.meaning.kind === 'decimal';
  const isFloat = type.storage === 'float32' || type.storage === 'float64';
  const fits =
    literal.kind === 'text' ||
    (literal.kind === 'number' && (isNumeric || isFloat || isPlainInteger(type))) ||
    (literal.kind === 'boolean' && type.storage === 'boolean');
  if (!fits) {
    const quoted = literal.kind === 'number' && isTextual(type) ? `; write '${literal.text}'` : '';
    throw whereError(text, literal.at, `the column is ${typeName(type)}, and the value is not${quoted}`);
  }
  try {
    return valueTest(type, accepted[operator], literal.text);
  } catch (error) {
    if (!(error instanceof ValueUnfit)) throw error;
    throw whereError(
      text,
      literal.at,
      `the column is ${typeName(type)}, and '${literal.text}' is not ${error.expected}`,
    );
  }
}

function isPlainInteger({ storage, meaning }: ScalarType): boolean {
  return meaning.kind === 'plain' && (storage === 'int32' || storage === 'int64');
}

function isTextual({ meaning }: ScalarType): boolean {
  return meaning.kind === 'text' || meaning.kind === 'json';
}

function valueTest(type: ScalarType, outcomes: number, value: string): ValueTest {
  const { storage, meaning } = type;
  switch (meaning.kind) {
    case 'date':
      return comparison(type, int32(daysOf(value)), outcomes);
    case 'time':
      return comparison(type, int64(timeOf(value)), outcomes);
    case 'timestamp':
      return comparison(type, int64(timestampOf(value, meaning.isInstant)), outcomes);
    case 'timestamp96':
      return comparison96(timestampOf(value, meaning.isInstant), outcomes);
    case 'uuid':
      return comparison(type, Buffer.from(uuidOf(value)), outcomes);
    case 'text':
    case 'json':
      return comparison(type, Buffer.from(value), outcomes);
    case 'decimal':
      return numberTest(type, meaning.scale, outcomes, value);
    case 'integer':
      return numberTest(type, 0, outcomes, value);
    case 'plain':
      break;
  }
  switch (storage) {
    case 'boolean':
      return comparison(type, Buffer.of(booleanOf(value) ? 1 : 0), outcomes);
    case 'float32':
    case 'float64':
      return floatTest(type, outcomes, value);
    case 'int32':
    case 'int64':
      return numberTest(type, 0, outcomes, value);
    default:
      return comparison(type, Buffer.from(bytesOf(value)), outcomes);
  }
}

function floatTest(type: ScalarType, outcomes: number, value: string): ValueTest {
  const bytes = Buffer.alloc(8);
  if (type.storage === 'float32') bytes.writeFloatLE(floatOf(value, 32));
  else bytes.writeDoubleLE(floatOf(value, 64));
  return comparison(type, bytes, outcomes);
}

/** Of whole numbers, or of a decimal's units, which are compared exactly with any number. */
function numberTest(type: ScalarType, scale: number, outcomes: number, value: string): ValueTest {
  const scaled = scaledLiteral(value, scale);
  if (!scaled) throw new ValueUnfit(value, 'a number');
  const { floor, isExact } = scaled;
  const bytes = { int32: 4, int64: 8 }[type.storage as string] ?? type.width!;
  const limit = 1n << BigInt(8 * bytes - 1);
  if (floor >= limit) return constant((outcomes & outcome.less) !== 0);
  if (floor < -limit) return constant((outcomes & outcome.greater) !== 0);
  // No value is equal to what lies between two.
  const less = (outcomes & outcome.less) === 0 ? 0 : outcome.less | outcome.equal;
  const either = isExact ? outcomes : less | (outcomes & outcome.greater);
  return comparison(type, unitBytes(type, floor, bytes), either);
}

function unitBytes({ storage }: ScalarType, units: bigint, width: number): Buffer {
  if (storage === 'int32') return int32(Number(units));
  if (storage === 'int64') return int64(units);
  const hex = BigInt.asUintN(8 * width, units).toString(16);
  return Buffer.from(hex.padStart(2 * width, '0'), 'hex');
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function int64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(value);
  return bytes;
}

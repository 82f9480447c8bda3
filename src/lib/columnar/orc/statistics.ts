import type { Column } from '../batch.js';
import { BytesColumn } from '../bytes-column.js';
import { FixedColumn } from '../fixed-column.js';
import { bytesBounds, fixedBounds, joined, type Bounds } from '../bounds.js';
import { unitsAt } from '../decimal.js';
import { decimalText } from '../scalar-text.js';
import type { ScalarType, Type } from '../type.js';
import type { ProtobufWriter } from './protobuf.js';

/** What is known of the values of a column. */
export interface Statistics {
  readonly values: number;
  readonly hasNull: boolean;
  readonly bounds: Bounds | undefined;
}

/** Of a group. @param rows where it begins and ends, with rows that are null; @param values the same, without them */
export function statisticsOf(
  column: Column,
  type: Type,
  rows: readonly [number, number],
  values: readonly [number, number],
): Statistics {
  const count = values[1] - values[0];
  return {
    values: count,
    hasNull: count < rows[1] - rows[0],
    bounds: boundsOf(column, type as ScalarType, ...values),
  };
}

function boundsOf(column: Column, type: ScalarType, from: number, to: number): Bounds | undefined {
  if (column instanceof FixedColumn) return fixedBounds(type, column, from, to);
  if (!(column instanceof BytesColumn) || type.meaning.kind === 'plain') return undefined;
  return bytesBounds(column, true, from, to);
}

/** Of both together. */
export function sum(type: Type, one: Statistics, other: Statistics): Statistics {
  // What has no values says nothing; what has some and no bounds leaves none.
  const bounds =
    one.values === 0
      ? other.bounds
      : other.values === 0
        ? one.bounds
        : one.bounds && other.bounds && joined(type as ScalarType, one.bounds, other.bounds);
  return { values: one.values + other.values, hasNull: one.hasNull || other.hasNull, bounds };
}

export function writeStatistics(
  message: ProtobufWriter,
  type: Type,
  { values, hasNull, bounds }: Statistics,
): void {
  message.number(1, values);
  if (bounds) writeBounds(message, type as ScalarType, bounds);
  message.number(10, hasNull ? 1 : 0);
}

function writeBounds(message: ProtobufWriter, type: ScalarType, bounds: Bounds): void {
  const { storage, meaning } = type;
  const min = Buffer.from(bounds.min);
  const max = Buffer.from(bounds.max);
  if (meaning.kind === 'text' || meaning.kind === 'json') {
    // A text that was cut is not a value of the column: it has another field, which not all readers know.
    const [least, greatest] = bounds.isExact ? [1, 2] : [4, 5];
    message.message(4, (text) => {
      text.bytesField(least, min);
      text.bytesField(greatest, max);
    });
  } else if (meaning.kind === 'decimal') {
    message.message(6, (decimal) => {
      decimal.bytesField(1, decimalText(unitsAt(type, min, 0), meaning.scale));
      decimal.bytesField(2, decimalText(unitsAt(type, max, 0), meaning.scale));
    });
  } else if (meaning.kind === 'date') {
    message.message(7, (date) => {
      date.signed(1, BigInt(min.readInt32LE()));
      date.signed(2, BigInt(max.readInt32LE()));
    });
  } else if (meaning.kind === 'timestamp') {
    // In milliseconds, rounded away from the values.
    const [least, greatest] = [min.readBigInt64LE(), max.readBigInt64LE()];
    message.message(9, (time) => {
      time.signed(3, floorDivide(least, 1000n));
      time.signed(4, floorDivide(greatest, 1000n) + 1n);
    });
  } else if (meaning.kind === 'plain' && (storage === 'float32' || storage === 'float64')) {
    const read = (bytes: Buffer) => (storage === 'float32' ? bytes.readFloatLE() : bytes.readDoubleLE());
    message.message(3, (number) => {
      number.double(1, read(min));
      number.double(2, read(max));
    });
  } else if (meaning.kind === 'integer' || meaning.kind === 'time') {
    const read = (bytes: Buffer) =>
      storage === 'int32' ? BigInt(bytes.readInt32LE()) : bytes.readBigInt64LE();
    message.message(2, (number) => {
      number.signed(1, read(min));
      number.signed(2, read(max));
    });
  }
}

function floorDivide(value: bigint, by: bigint): bigint {
  return value >= 0n ? value / by : -((-value + by - 1n) / by);
}

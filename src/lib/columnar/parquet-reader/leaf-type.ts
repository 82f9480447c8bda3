import { bytesOfDecimal, mostDigits } from '../decimal.js';
import type { Meaning, ScalarType, Storage } from '../type.js';
import {
  decimalFromBytes,
  halfToFloat,
  type Convert,
  divided,
  multiplied,
  unsignedLong,
  unsignedWord,
} from './conversions.js';
import type { SchemaElement } from './footer.js';
import { ParquetMalformed, ParquetUnsupported } from './malformed.js';
import { numberIn, structIn, type ThriftStruct } from './thrift-reader.js';

/** What a leaf's values are here, and how they become that, where they are not as the file has them. */
export interface LeafType {
  readonly type: ScalarType;
  readonly convert: Convert | undefined;
}

/** Numbers of parquet.thrift: types, and fields of LogicalType. */
const physical = {
  boolean: 0,
  int32: 1,
  int64: 2,
  int96: 3,
  float: 4,
  double: 5,
  bytes: 6,
  fixed: 7,
} as const;
const converted = {
  text: 0,
  enum: 4,
  decimal: 5,
  date: 6,
  timeMillis: 7,
  timeMicros: 8,
  timestampMillis: 9,
  timestampMicros: 10,
  uint8: 11,
  uint32: 13,
  uint64: 14,
  int8: 15,
  int16: 16,
  json: 19,
} as const;
const logical = {
  text: 1,
  enum: 4,
  decimal: 5,
  date: 6,
  time: 7,
  timestamp: 8,
  integer: 10,
  json: 12,
  uuid: 14,
  half: 15,
} as const;

/** Bytes of a value; undefined where it has any length. @throws ParquetMalformed */
export function widthOf({ physical: type, width, name }: SchemaElement): number | undefined {
  switch (type) {
    case physical.boolean:
      return 1;
    case physical.int32:
    case physical.float:
      return 4;
    case physical.int64:
    case physical.double:
      return 8;
    case physical.int96:
      return 12;
    case physical.bytes:
      return undefined;
    case physical.fixed:
      if (width === undefined || width < 1 || width > 2 ** 20)
        throw new ParquetMalformed(`the column '${name}' has values of ${String(width)} bytes`);
      return width;
    default:
      throw new ParquetMalformed(`the column '${name}' has the unknown type ${String(type)}`);
  }
}

/** @throws ParquetMalformed, ParquetUnsupported */
export function leafType(element: SchemaElement): LeafType {
  switch (element.physical) {
    case physical.boolean:
      return scalar('boolean', { kind: 'plain' });
    case physical.float:
      return scalar('float32', { kind: 'plain' });
    case physical.double:
      return scalar('float64', { kind: 'plain' });
    case physical.int32:
      return ofWords(element);
    case physical.int64:
      return ofDoubleWords(element);
    case physical.int96:
      return scalar('fixed', { kind: 'timestamp96', isInstant: false }, undefined, 12);
    case physical.bytes:
      return ofBytes(element);
    default:
      return ofFixed(element, widthOf(element)!);
  }
}

function scalar(storage: Storage, meaning: Meaning, convert?: Convert, width?: number): LeafType {
  return { type: { storage, meaning, ...(width === undefined ? {} : { width }) }, convert };
}

function ofWords(element: SchemaElement): LeafType {
  if (isDecimal(element)) return scalar('int32', decimalMeaning(element, 9));
  if (is(element, converted.date, logical.date)) return scalar('int32', { kind: 'date' });
  if (is(element, converted.timeMillis, logical.time))
    return scalar('int64', { kind: 'time' }, multiplied(4, 1000));
  const { bits, isSigned } = integer(element) ?? { bits: 32, isSigned: true };
  if (!isSigned && bits === 32) return scalar('int64', { kind: 'integer', bits: 64 }, unsignedWord);
  return scalar('int32', { kind: 'integer', bits: bits < 16 || (bits === 16 && isSigned) ? 16 : 32 });
}

function ofDoubleWords(element: SchemaElement): LeafType {
  if (isDecimal(element)) return scalar('int64', decimalMeaning(element, 18));
  const time = part(element, logical.time);
  if (time || element.converted === converted.timeMicros)
    return scalar('int64', { kind: 'time' }, toMicros(unitOf(time)));
  const timestamp = part(element, logical.timestamp);
  const { converted: old } = element;
  if (timestamp || old === converted.timestampMicros || old === converted.timestampMillis) {
    const isInstant = timestamp ? timestamp[1] === true : true;
    const unit = timestamp ? unitOf(timestamp) : old === converted.timestampMillis ? 'millis' : 'micros';
    return scalar('int64', { kind: 'timestamp', isInstant }, toMicros(unit));
  }
  if (integer(element)?.isSigned === false)
    return scalar('fixed', { kind: 'decimal', precision: 20, scale: 0 }, unsignedLong, 9);
  return scalar('int64', { kind: 'integer', bits: 64 });
}

function ofBytes(element: SchemaElement): LeafType {
  if (isDecimal(element)) {
    const meaning = decimalMeaning(element, mostDigits);
    const width = bytesOfDecimal(meaning.precision);
    return scalar('fixed', meaning, decimalFromBytes(width), width);
  }
  if (is(element, converted.json, logical.json)) return scalar('bytes', { kind: 'json' });
  const isText = is(element, converted.text, logical.text) || is(element, converted.enum, logical.enum);
  return scalar('bytes', { kind: isText ? 'text' : 'plain' });
}

function ofFixed(element: SchemaElement, width: number): LeafType {
  if (isDecimal(element)) return scalar('fixed', decimalMeaning(element, mostDigits), undefined, width);
  if (part(element, logical.uuid))
    return scalar('fixed', { kind: 'uuid' }, undefined, checkedWidth(element, width, 16));
  if (part(element, logical.half)) {
    checkedWidth(element, width, 2);
    return scalar('float32', { kind: 'plain' }, halfToFloat);
  }
  return scalar('fixed', { kind: 'plain' }, undefined, width);
}

function checkedWidth({ name }: SchemaElement, width: number, right: number): number {
  if (width !== right)
    throw new ParquetMalformed(`the column '${name}' has values of ${width} bytes, not ${right}`);
  return width;
}

/** Fields of the logical type, if it is that one. */
function part({ logical: type }: SchemaElement, id: number): ThriftStruct | undefined {
  return type && structIn(type, id);
}

function is(element: SchemaElement, old: number, id: number): boolean {
  return element.converted === old || part(element, id) !== undefined;
}

function isDecimal(element: SchemaElement): boolean {
  return is(element, converted.decimal, logical.decimal);
}

function decimalMeaning(
  { name, precision, scale }: SchemaElement,
  most: number,
): Extract<Meaning, { kind: 'decimal' }> {
  if (precision < 1 || scale < 0 || scale > precision)
    throw new ParquetMalformed(`the column '${name}' is a decimal(${precision}, ${scale})`);
  if (precision > most) throw new ParquetUnsupported(`the decimal(${precision}, ${scale}) '${name}'`);
  return { kind: 'decimal', precision, scale };
}

function integer(element: SchemaElement): { readonly bits: number; readonly isSigned: boolean } | undefined {
  const type = part(element, logical.integer);
  if (type) return { bits: numberIn(type, 1) ?? 32, isSigned: type[2] !== false };
  const { converted: old } = element;
  if (old === undefined || old < converted.uint8 || old > converted.int16 + 2) return undefined;
  const isSigned = old >= converted.int8;
  return { bits: 8 << (old - (isSigned ? converted.int8 : converted.uint8)), isSigned };
}

function unitOf(type: ThriftStruct | undefined): 'millis' | 'micros' | 'nanos' {
  const unit = type && structIn(type, 2);
  if (!unit || structIn(unit, 2)) return 'micros';
  return structIn(unit, 1) ? 'millis' : 'nanos';
}

function toMicros(unit: 'millis' | 'micros' | 'nanos'): Convert | undefined {
  if (unit === 'micros') return undefined;
  return unit === 'millis' ? multiplied(8, 1000) : divided(1000);
}

import type { Column } from '../batch.js';
import type { BytesColumn } from '../bytes-column.js';
import type { FixedColumn } from '../fixed-column.js';
import type { ListColumn, StructColumn } from '../nested-columns.js';
import type { Meaning, ScalarType, Schema, Type } from '../type.js';
import { bytesOf, jsonOf, textOf, uuidOf } from './bytes.js';
import { booleanOf, decimalUnits, floatOf, integerOf } from './numbers.js';
import { daysOf, timeOf, timestampOf } from './times.js';
import { ValueUnfit } from './unfit.js';

/**
 * Adds a value as JavaScript has it, or as text. It is written exactly or refused: only floating-point numbers are rounded.
 * @param value null and undefined are null; lists are arrays, records are objects
 * @throws ValueUnfit; then the column is of no use any more
 */
export function appendValue(column: Column, type: Type, value: unknown): void {
  if (value === null || value === undefined)
    return column.presence.addNull(column.count + column.presence.nulls);
  column.reserve(column.count + 1);
  if (type.storage === 'list') appendList(column as ListColumn, type.element, value);
  else if (type.storage === 'struct') appendStruct(column as StructColumn, type.fields, value);
  else if (type.storage === 'bytes') {
    const bytes = bytesFor(type.meaning, value);
    (column as BytesColumn).add(bytes, 0, bytes.length);
  } else {
    appendFixed(column as FixedColumn, type, value);
    column.count++;
  }
}

function appendList(list: ListColumn, element: Type, value: unknown): void {
  if (!Array.isArray(value)) throw new ValueUnfit(value, 'an array');
  const { elements } = list;
  list.offsets[list.count] = elements.count + elements.presence.nulls;
  for (const each of value as unknown[]) appendValue(elements, element, each);
  list.offsets[++list.count] = elements.count + elements.presence.nulls;
}

function appendStruct(struct: StructColumn, fields: Schema, value: unknown): void {
  if (typeof value !== 'object' || Array.isArray(value) || value instanceof Date)
    throw new ValueUnfit(value, 'an object');
  const record = value as Readonly<Record<string, unknown>>;
  for (const [i, { name, type }] of fields.entries())
    appendValue(struct.fields[i]!, type, Object.hasOwn(record, name) ? record[name] : null);
  if (Object.keys(record).some((key) => !fields.some(({ name }) => name === key)))
    throw new ValueUnfit(value, `an object with the fields ${fields.map(({ name }) => name).join(', ')}`);
  struct.count++;
}

function bytesFor(meaning: Meaning, value: unknown): Uint8Array {
  if (meaning.kind === 'text') return textOf(value);
  return meaning.kind === 'json' ? jsonOf(value) : bytesOf(value);
}

function appendFixed(column: FixedColumn, type: ScalarType, value: unknown): void {
  const { storage, meaning, width } = type;
  switch (meaning.kind) {
    case 'integer':
      return writeInteger(column, integerOf(value, meaning.bits));
    case 'decimal': {
      const units = decimalUnits(value, meaning.precision, meaning.scale);
      return storage === 'fixed' ? writeBigEndian(column, units) : writeInteger(column, units);
    }
    case 'date':
      return writeInteger(column, BigInt(daysOf(value)));
    case 'time':
      return writeInteger(column, timeOf(value));
    case 'timestamp':
      return writeInteger(column, timestampOf(value, meaning.isInstant));
    case 'timestamp96':
      return writeInt96(column, timestampOf(value, meaning.isInstant));
    case 'uuid':
      return column.bytes.set(uuidOf(value), 16 * column.count);
    default:
  }
  switch (storage) {
    case 'boolean':
      column.bytes[column.count] = booleanOf(value) ? 1 : 0;
      return;
    case 'float32':
      column.float32[column.count] = floatOf(value, 32);
      return;
    case 'float64':
      column.float64[column.count] = floatOf(value, 64);
      return;
    case 'int32':
      return writeInteger(column, integerOf(value, 32));
    case 'int64':
      return writeInteger(column, integerOf(value, 64));
    default: {
      const bytes = bytesOf(value);
      if (bytes.length !== width) throw new ValueUnfit(value, `${width} bytes`);
      column.bytes.set(bytes, width * column.count);
    }
  }
}

/** As little-endian two's complement of the column's width, 4 or 8 bytes. */
function writeInteger({ width, int32, count }: FixedColumn, value: bigint): void {
  if (width === 4) int32[count] = Number(value);
  else {
    int32[2 * count] = Number(BigInt.asIntN(32, value));
    int32[2 * count + 1] = Number(BigInt.asIntN(32, value >> 32n));
  }
}

function writeBigEndian({ width, bytes, count }: FixedColumn, value: bigint): void {
  let rest = value;
  for (let i = width * (count + 1) - 1; i >= width * count; i--) {
    bytes[i] = Number(BigInt.asUintN(8, rest));
    rest >>= 8n;
  }
}

const dayMicros = 86_400_000_000n;
/** The Julian day of 1970-01-01. */
const julianEpoch = 2_440_588n;

function writeInt96({ int32, count }: FixedColumn, micros: bigint): void {
  const ofDay = ((micros % dayMicros) + dayMicros) % dayMicros;
  const nanos = ofDay * 1000n;
  int32[3 * count] = Number(BigInt.asIntN(32, nanos));
  int32[3 * count + 1] = Number(nanos >> 32n);
  int32[3 * count + 2] = Number((micros - ofDay) / dayMicros + julianEpoch);
}

import type { FixedColumn } from '../fixed-column.js';
import type { Meaning, ScalarType, Storage, Type } from '../type.js';
import type { CatalogType } from './catalog.js';
import * as decode from './decoders.js';
import { type Decode, ValueRefused } from './decoders.js';
import { list, struct } from './nested-decoders.js';
import { numericText, numericUnits, readNumeric } from './numeric.js';

/** What a type of PostgreSQL becomes, and how its values are read. */
export interface Mapped {
  readonly type: Type;
  readonly decode: Decode;
}

const plain: Meaning = { kind: 'plain' };
const text: Meaning = { kind: 'text' };

const scalar = (storage: Storage, meaning: Meaning, decode: Decode): Mapped => ({
  type: { storage, meaning } satisfies ScalarType,
  decode,
});
const asText = scalar('bytes', text, decode.bytes);

const scalars: Readonly<Record<string, Mapped>> = {
  bool: scalar('boolean', plain, decode.boolean),
  bytea: scalar('bytes', plain, decode.bytes),
  int8: scalar('int64', { kind: 'integer', bits: 64 }, decode.doubleWord),
  int2: scalar('int32', { kind: 'integer', bits: 16 }, decode.int16),
  int4: scalar('int32', { kind: 'integer', bits: 32 }, decode.word),
  oid: scalar('int64', { kind: 'integer', bits: 64 }, decode.unsignedWord),
  float4: scalar('float32', plain, decode.word),
  float8: scalar('float64', plain, decode.doubleWord),
  json: scalar('bytes', { kind: 'json' }, decode.bytes),
  jsonb: scalar('bytes', { kind: 'json' }, decode.jsonb),
  date: scalar('int32', { kind: 'date' }, decode.date),
  time: scalar('int64', { kind: 'time' }, decode.doubleWord),
  timestamp: scalar('int64', { kind: 'timestamp', isInstant: false }, decode.timestamp),
  timestamptz: scalar('int64', { kind: 'timestamp', isInstant: true }, decode.timestamp),
  uuid: scalar('bytes', text, decode.textOf(16, uuidText)),
  text: asText,
  varchar: asText,
  bpchar: asText,
  name: asText,
  char: asText,
  unknown: asText,
};

/**
 * How values of a type go into a batch.
 * @param modifier −1: none. Of a numeric, precision and scale; of an array, that of its elements
 * @returns undefined for a type whose binary form is not read here: PostgreSQL can make text of it
 */
export function mapType(type: CatalogType, modifier: number): Mapped | undefined {
  switch (type.kind) {
    case 'domain':
      return mapType(type.base, type.modifier);
    case 'enum':
      return asText;
    case 'array': {
      const element = mapType(type.element, modifier);
      return element && { type: { storage: 'list', element: element.type }, decode: list(element) };
    }
    case 'composite': {
      const fields = type.fields.map(({ name, type, modifier }) => {
        const mapped = mapType(type, modifier);
        return mapped && { name, ...mapped };
      });
      if (fields.length === 0 || fields.includes(undefined)) return undefined;
      const known = fields as (Mapped & { readonly name: string })[];
      return { type: { storage: 'struct', fields: known }, decode: struct(known) };
    }
    case 'scalar':
      // PostgreSQL's own types have names that others cannot take.
      if (!type.isBuiltIn) return type.name === 'citext' ? asText : undefined;
      return type.name === 'numeric' ? numericOf(modifier) : scalars[type.name];
  }
}

/** Without a precision any number of digits may come: as text, none is lost. */
function numericOf(modifier: number): Mapped {
  if (modifier < 0) return scalar('bytes', text, decode.textOf(undefined, textOfNumeric));
  const declared = (modifier - 4) >>> 16;
  // Eleven bits, with a sign.
  const declaredScale = (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
  const scale = Math.max(0, declaredScale);
  const precision = Math.max(declared + Math.max(0, -declaredScale), scale);
  if (precision > 38) return numericOf(-1);
  const meaning: Meaning = { kind: 'decimal', precision, scale };
  if (precision <= 9) return scalar('int32', meaning, decimal(scale, 4));
  if (precision <= 18) return scalar('int64', meaning, decimal(scale, 8));
  const width = bytesOfDecimal(precision);
  return { type: { storage: 'fixed', width, meaning }, decode: decimal(scale, width) };
}

/** Bytes that hold every number of so many digits, as two's complement. */
function bytesOfDecimal(precision: number): number {
  const bits = (10n ** BigInt(precision)).toString(2).length + 1;
  return Math.ceil(bits / 8);
}

function textOfNumeric(block: Uint8Array, at: number): string {
  const number = readNumeric(block, at);
  return typeof number === 'string' ? number : numericText(number);
}

/** In units of 10^−scale: 4 or 8 bytes little-endian, more big-endian. */
function decimal(scale: number, width: number): Decode {
  return ({ block, starts, lengths, stride, from, to, row }, field, column) => {
    const out = column as FixedColumn;
    for (let r = from, k = from * stride + field; r < to; r++, k += stride) {
      if (lengths[k]! < 0) {
        out.presence.addNull(row + r - from);
        continue;
      }
      const number = readNumeric(block, starts[k]!);
      if (typeof number === 'string') throw new ValueRefused(number, row + r - from);
      const units = numericUnits(number, scale);
      if (width === 4) out.int32[out.count] = Number(units);
      else if (width === 8) {
        out.int32[2 * out.count] = Number(BigInt.asIntN(32, units));
        out.int32[2 * out.count + 1] = Number(BigInt.asIntN(32, units >> 32n));
      } else writeBigEndian(units, width, out.bytes, out.count * width);
      out.count++;
    }
  };
}

function writeBigEndian(value: bigint, width: number, out: Uint8Array, at: number): void {
  let rest = value;
  for (let i = at + width - 1; i >= at; i--) {
    out[i] = Number(BigInt.asUintN(8, rest));
    rest >>= 8n;
  }
}

function uuidText(block: Uint8Array, at: number): string {
  const hex = Buffer.from(block.buffer, block.byteOffset + at, 16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

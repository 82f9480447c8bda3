import type { Field, Meaning, Storage } from '../type.js';
import * as decode from './decoders.js';
import { type Decode, ValueRefused } from './decoders.js';
import type { FixedColumn } from '../fixed-column.js';
import { numericText, numericUnits, readNumeric } from './numeric.js';

/** A column of a query, as PostgreSQL describes it. */
export interface PostgresColumn {
  readonly name: string;
  /** The OID of its type, of a domain that of its base type. */
  readonly type: number;
  /** −1: none. Of a numeric, precision and scale. */
  readonly modifier: number;
}

export interface Mapped {
  readonly field: Field;
  readonly decode: Decode;
}

const plain: Meaning = { kind: 'plain' };
const text: Meaning = { kind: 'text' };

type Mapping = readonly [storage: Storage, meaning: Meaning, decode: Decode];

const scalars: ReadonlyMap<number, Mapping> = new Map<number, Mapping>([
  [16, ['boolean', plain, decode.boolean]],
  [17, ['bytes', plain, decode.bytes]],
  [20, ['int64', { kind: 'integer', bits: 64 }, decode.doubleWord]],
  [21, ['int32', { kind: 'integer', bits: 16 }, decode.int16]],
  [23, ['int32', { kind: 'integer', bits: 32 }, decode.word]],
  [700, ['float32', plain, decode.word]],
  [701, ['float64', plain, decode.doubleWord]],
  [114, ['bytes', { kind: 'json' }, decode.bytes]],
  [3802, ['bytes', { kind: 'json' }, decode.jsonb]],
  [1082, ['int32', { kind: 'date' }, decode.date]],
  [1083, ['int64', { kind: 'time' }, decode.doubleWord]],
  [1114, ['int64', { kind: 'timestamp', isInstant: false }, decode.timestamp]],
  [1184, ['int64', { kind: 'timestamp', isInstant: true }, decode.timestamp]],
  [2950, ['bytes', text, decode.textOf(16, uuidText)]],
  [25, ['bytes', text, decode.bytes]],
  [1043, ['bytes', text, decode.bytes]],
  [1042, ['bytes', text, decode.bytes]],
  [19, ['bytes', text, decode.bytes]],
  [18, ['bytes', text, decode.bytes]],
]);

/** How a column goes into a batch; undefined for a type that is unknown. */
export function mapColumn({ name, type, modifier }: PostgresColumn): Mapped | undefined {
  const [storage, meaning, decodes] = type === 1700 ? numericMapping(modifier) : (scalars.get(type) ?? []);
  if (storage === undefined) return undefined;
  // A query's columns may all be null, whatever the table says.
  return { field: { name, storage, meaning: meaning!, nullable: true }, decode: decodes! };
}

/** Without a precision any number of digits may come: as text, none is lost. */
function numericMapping(modifier: number): Mapping {
  if (modifier < 0)
    return [
      'bytes',
      text,
      decode.textOf(undefined, (block, at) => {
        const number = readNumeric(block, at);
        return typeof number === 'string' ? number : numericText(number);
      }),
    ];
  const declared = (modifier - 4) >>> 16;
  // Eleven bits, with a sign.
  const declaredScale = (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
  const scale = Math.max(0, declaredScale);
  const precision = Math.max(declared + Math.max(0, -declaredScale), scale);
  if (precision > 18) return numericMapping(-1);
  const storage = precision <= 9 ? 'int32' : 'int64';
  return [storage, { kind: 'decimal', precision, scale }, decimal(scale, storage === 'int32')];
}

function decimal(scale: number, isShort: boolean): Decode {
  return ({ block, index, stride, from, to, row }, field, column) => {
    const out = column as FixedColumn;
    for (let r = from, k = from * stride + field; r < to; r++, k += stride) {
      if (index.lengths[k]! < 0) {
        out.presence.addNull(row + r - from);
        continue;
      }
      const number = readNumeric(block, index.starts[k]!);
      if (typeof number === 'string') throw new ValueRefused(number, row + r - from);
      const units = numericUnits(number, scale);
      if (isShort) out.int32[out.count++] = Number(units);
      else {
        out.int32[2 * out.count] = Number(BigInt.asIntN(32, units));
        out.int32[2 * out.count + 1] = Number(BigInt.asIntN(32, units >> 32n));
        out.count++;
      }
    }
  };
}

function uuidText(block: Uint8Array, at: number): string {
  const hex = Buffer.from(block.subarray(at, at + 16)).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

import type { Field, Meaning, ScalarType, Storage, Type } from '../type.js';
import { bytesOfDecimal } from '../decimal.js';
import type { CatalogType } from './catalog.js';
import * as decode from './decoders.js';
import type { Decode } from './decoders.js';
import { inet } from './inet.js';
import { list, struct } from './nested-decoders.js';
import { decimal, numericText } from './numeric.js';
import { profileOf, type Profile } from './profiles.js';
import * as temporal from './temporal.js';

/** What a type of PostgreSQL becomes, and how its values are read. */
export interface Mapped {
  readonly type: Type;
  readonly decode: Decode;
}

/** Digits, and how many of them are behind the point. */
export interface Decimal {
  readonly precision: number;
  readonly scale: number;
}

/** How types are written that have several forms. */
export interface TypeRules {
  readonly profile: Profile;
  /** Of numerics that do not say, or have more than 38 digits; undefined: they become text. */
  readonly numeric: Decimal | undefined;
}

const plain: Meaning = { kind: 'plain' };
const text: Meaning = { kind: 'text' };

const scalar = (storage: Storage, meaning: Meaning, decode: Decode): Mapped => ({
  type: { storage, meaning } satisfies ScalarType,
  decode,
});
export const asText = scalar('bytes', text, decode.bytes);
export const asUncheckedText = scalar('bytes', text, decode.uncheckedText);
const asInt32 = scalar('int32', { kind: 'integer', bits: 32 }, decode.word);
const asInt64 = scalar('int64', { kind: 'integer', bits: 64 }, decode.doubleWord);
const jsonOf = ({ json }: Profile): Meaning => (json === 'json' ? { kind: 'json' } : text);

/** PostgreSQL's own types, by their names there. */
const scalars: Readonly<Record<string, Mapped | ((profile: Profile) => Mapped)>> = {
  bool: scalar('boolean', plain, decode.boolean),
  bytea: scalar('bytes', plain, decode.bytes),
  int8: asInt64,
  int2: scalar('int32', { kind: 'integer', bits: 16 }, decode.int16),
  int4: asInt32,
  oid: scalar('int64', { kind: 'integer', bits: 64 }, decode.unsignedWord),
  float4: scalar('float32', plain, decode.word),
  float8: scalar('float64', plain, decode.doubleWord),
  json: (profile) => scalar('bytes', jsonOf(profile), decode.bytes),
  jsonb: (profile) => scalar('bytes', jsonOf(profile), decode.jsonb),
  date: ({ format }) => scalar('int32', { kind: 'date' }, temporal.date(format === 'orc')),
  time: ({ time }) => (time === 'time' ? scalar('int64', { kind: 'time' }, temporal.timeOfDay) : asInt64),
  timetz: scalar('bytes', text, temporal.timeWithZone),
  interval: {
    type: {
      storage: 'struct',
      fields: [
        { name: 'months', type: asInt32.type },
        { name: 'days', type: asInt32.type },
        { name: 'micros', type: asInt64.type },
      ],
    },
    decode: temporal.interval,
  },
  timestamp: (profile) => timestampOf(profile, false),
  timestamptz: (profile) => timestampOf(profile, true),
  uuid: ({ uuid }) =>
    uuid === 'uuid'
      ? { type: { storage: 'fixed', width: 16, meaning: { kind: 'uuid' } }, decode: decode.fixed(16) }
      : scalar('bytes', text, decode.uuidText()),
  inet: scalar('bytes', text, inet),
  cidr: scalar('bytes', text, inet),
  text: asText,
  varchar: asText,
  bpchar: asText,
  name: asText,
  unknown: asText,
};

function timestampOf({ timestamp, format }: Profile, isInstant: boolean): Mapped {
  if (timestamp === 'int64')
    return scalar('int64', { kind: 'timestamp', isInstant }, temporal.timestamp(format === 'orc'));
  return {
    type: { storage: 'fixed', width: 12, meaning: { kind: 'timestamp96', isInstant } },
    decode: temporal.timestamp96,
  };
}

/**
 * How values of a type go into a batch.
 * @param modifier −1: none. Of a numeric, precision and scale; of an array, that of its elements
 * @returns undefined for a type whose binary form is not read here: PostgreSQL can make text of it
 */
export function mapType(type: CatalogType, modifier: number, rules: TypeRules): Mapped | undefined {
  switch (type.kind) {
    case 'domain':
      return mapType(type.base, type.modifier, rules);
    case 'enum':
      return asText;
    case 'array': {
      const element = mapType(type.element, modifier, rules);
      return element && listOf(element);
    }
    case 'composite': {
      const fields = type.fields.map(({ name, type, modifier }) => {
        const mapped = mapType(type, modifier, rules);
        return mapped && { name, ...mapped };
      });
      return fields.includes(undefined) ? undefined : structOf(fields as (Field & Mapped)[]);
    }
    case 'scalar': {
      // PostgreSQL's own types have names that others cannot take.
      if (!type.isBuiltIn) return type.name === 'citext' ? asText : undefined;
      if (type.name === 'numeric') return numericOf(modifier, rules);
      const mapped = scalars[type.name];
      return typeof mapped === 'function' ? mapped(rules.profile) : mapped;
    }
  }
}

/** Types whose `::text` says all of a value, and is read again. */
const readAgain: ReadonlySet<string> = new Set([
  ...['bool', 'int2', 'int4', 'int8', 'oid', 'float4', 'float8', 'numeric'],
  ...['date', 'timestamp', 'timestamptz'],
]);
/** The same for every reader. */
const plainRules: TypeRules = { profile: profileOf('parquet', 'all'), numeric: undefined };

/** What the text of a value of a type is the text of: `3` of a whole number. */
export function typeOfText(type: CatalogType, modifier: number): Type {
  if (type.kind === 'domain') return typeOfText(type.base, type.modifier);
  const isRead = type.kind === 'scalar' && type.isBuiltIn && readAgain.has(type.name);
  return (isRead ? mapType(type, modifier, plainRules) : undefined)?.type ?? asText.type;
}

export function listOf(element: Mapped): Mapped {
  return { type: { storage: 'list', element: element.type }, decode: list(element) };
}

export function structOf(fields: readonly (Field & Mapped)[]): Mapped {
  return {
    type: { storage: 'struct', fields: fields.map(({ name, type }) => ({ name, type })) },
    decode: struct(fields),
  };
}

/** Without a precision any number of digits may come: as text, none is lost. */
function numericOf(modifier: number, { profile, numeric }: TypeRules): Mapped {
  const declared = modifier < 0 ? undefined : declaredDecimal(modifier);
  const known = declared && declared.precision <= 38 ? declared : numeric;
  if (!known) return scalar('bytes', text, numericText());
  const { precision, scale } = known;
  const meaning: Meaning = { kind: 'decimal', precision, scale };
  if (profile.decimal === 'shortest' && precision <= 18) {
    const [storage, width] = precision <= 9 ? (['int32', 4] as const) : (['int64', 8] as const);
    return scalar(storage, meaning, decimal(precision, scale, width, false));
  }
  const width = bytesOfDecimal(precision);
  return { type: { storage: 'fixed', width, meaning }, decode: decimal(precision, scale, width, true) };
}

/** Rounded to tens or hundreds, as of a negative scale, a number has so many digits more; files know no such scale. */
function declaredDecimal(modifier: number): Decimal {
  const precision = (modifier - 4) >>> 16;
  // Eleven bits, with a sign.
  const scale = (((modifier - 4) & 0x7ff) ^ 1024) - 1024;
  return { precision: Math.max(precision + Math.max(0, -scale), scale), scale: Math.max(0, scale) };
}

import type { ByteString } from '../core/bytes.js';
import { jsonString } from './json-text.js';

/** PostgreSQL's text of a value, as the JSON or the text that we hand on. */
export type Convert = (text: ByteString) => ByteString;

const oid = {
  bool: 16,
  int8: 20,
  int2: 21,
  int4: 23,
  oid: 26,
  json: 114,
  float4: 700,
  float8: 701,
  timestamp: 1114,
  timestamptz: 1184,
  numeric: 1700,
  jsonb: 3802,
} as const;

const scalars = new Map<number, Convert>([
  [oid.bool, (text) => (text === 't' ? 'true' : 'false') as ByteString],
  ...[oid.int2, oid.int4, oid.int8, oid.oid, oid.numeric, oid.float4, oid.float8].map(
    (type): [number, Convert] => [type, jsonNumber],
  ),
  [oid.json, (text) => text],
  [oid.jsonb, (text) => text],
  [oid.timestamptz, (text) => jsonString(isoTimestamptz(text))],
  [oid.timestamp, (text) => jsonString(isoTimestamp(text))],
]);

/** OID of an array type → OID of its elements. Arrays of other types stay strings in PostgreSQL's own notation. */
const elementOf = new Map<number, number>([
  [1000, oid.bool],
  [1005, oid.int2],
  [1007, oid.int4],
  [1016, oid.int8],
  [1028, oid.oid],
  [1231, oid.numeric],
  [1021, oid.float4],
  [1022, oid.float8],
  [1009, 25], // text
  [1015, 1043], // varchar
  [1014, 1042], // char(n)
  [1003, 19], // name
  [1182, 1082], // date
  [2951, 2950], // uuid
  [1115, oid.timestamp],
  [1185, oid.timestamptz],
  [199, oid.json],
  [3807, oid.jsonb],
]);

/** How a value of the type becomes JSON: digits are kept, timestamps are ISO 8601 in UTC, what JSON lacks is a string. */
export function toJson(type: number): Convert {
  const element = elementOf.get(type);
  if (element === undefined) return scalars.get(type) ?? jsonString;
  const convert = scalars.get(element) ?? jsonString;
  return (text) => jsonArray(text, convert);
}

/** How a value of the type becomes the text of a field: timestamps ISO 8601 in UTC, the rest as PostgreSQL prints it. */
export function toText(type: number): Convert | undefined {
  if (type === oid.timestamptz) return isoTimestamptz;
  if (type === oid.timestamp) return isoTimestamp;
  return undefined;
}

/** NaN and the infinities are no JSON numbers. */
function jsonNumber(text: ByteString): ByteString {
  const last = text.charCodeAt(text.length - 1);
  return last >= 48 && last <= 57 ? text : (`"${text}"` as ByteString);
}

/** `2026-11-22 16:30:00.5+00` as `2026-11-22T16:30:00.5Z`; infinity and years BC, which ISO 8601 lacks, stay. */
export function isoTimestamptz(text: ByteString): ByteString {
  return text.endsWith('+00') ? (`${text.slice(0, -3).replace(' ', 'T')}Z` as ByteString) : text;
}

/** A timestamp without a zone is taken as UTC. */
export function isoTimestamp(text: ByteString): ByteString {
  const last = text.charCodeAt(text.length - 1);
  return last >= 48 && last <= 57 ? (`${text.replace(' ', 'T')}Z` as ByteString) : text;
}

/** `{1,NULL,{"a b"}}` as `[1,null,["a b"]]`; a prefix with bounds (`[0:1]=`) is dropped, JSON counts from 0. */
export function jsonArray(text: ByteString, convert: Convert): ByteString {
  let json = '';
  let pos = text.charCodeAt(0) === 91 ? text.indexOf('=') + 1 : 0;
  while (pos < text.length) {
    const char = text[pos]!;
    if (char === '{') json += '[';
    else if (char === '}') json += ']';
    else if (char === ',') json += ',';
    else if (char === '"') {
      let value = '';
      for (pos++; text[pos] !== '"'; pos++) {
        if (text[pos] === '\\') pos++;
        value += text[pos];
      }
      json += convert(value as ByteString);
    } else {
      let end = pos;
      while (text[end] !== ',' && text[end] !== '}') end++;
      const value = text.slice(pos, end);
      json += value === 'NULL' ? 'null' : convert(value);
      pos = end;
      continue;
    }
    pos++;
  }
  return json as ByteString;
}

/** Types of a resume column whose equal values have equal texts, up to {@link canonical}; others may hide a duplicate. */
export const resumableTypes = new Set<number>([
  oid.int2,
  oid.int4,
  oid.int8,
  oid.oid,
  oid.numeric,
  oid.timestamp,
  oid.timestamptz,
  1082, // date
  2950, // uuid
  25, // text
  1042, // char(n)
  1043, // varchar
]);

/** 1.50 and 1.5 are one number: equal values of a type become equal texts. */
export function canonical(type: number): Convert {
  return type === oid.numeric
    ? (text) => (text.includes('.') ? text.replace(/\.?0+$/, '').replace(/^-0$/, '0') : text) as ByteString
    : (text) => text;
}

import { type ByteString, fromBytes, toBytes } from '../../core/bytes.js';
import { eachElement, eachMember, memberText, stringText } from '../../sources/json-members.js';
import { jsonString } from '../../sources/json-text.js';
import type { HeldForm } from '../engine.js';
import type { FieldKind, SolrSchema } from './schema.js';

/**
 * How a document comes back from fields: with its id, without what is null or empty, lists where the field holds several values,
 * and each value in the spelling of its field. Undefined where documents are kept whole.
 */
export function heldFormOf(schema: SolrSchema): HeldForm | undefined {
  if (schema.keepsSource) return undefined;
  const key = toBytes(schema.uniqueKey);
  return (id, source) => {
    const members = new Map<ByteString, ByteString>();
    eachMember(source, (rawName, raw) => {
      const name = stringText(rawName);
      const field = schema.fieldOf(fromBytes(name));
      const values = valuesOf(raw).map((value) => held(value, field?.kind));
      if (values.length === 0) members.delete(name);
      else if (field === undefined) members.set(name, raw);
      else members.set(name, field.multiValued ? (`[${values.join(',')}]` as ByteString) : values[0]!);
    });
    members.set(key, jsonString(id));
    return `{${[...members].map(([name, value]) => `${jsonString(name)}:${value}`).join(',')}}` as ByteString;
  };
}

function valuesOf(raw: ByteString): ByteString[] {
  if (raw.charCodeAt(0) !== 91) return raw === 'null' ? [] : [raw];
  const values: ByteString[] = [];
  eachElement(raw, (element) => values.push(element));
  return values;
}

function held(raw: ByteString, kind: FieldKind | undefined): ByteString {
  const text = memberText(raw) ?? raw;
  switch (kind) {
    case 'text':
    case 'keyword':
    case 'place':
      return jsonString(text);
    case 'int':
    case 'long':
    case 'float':
    case 'double':
      return jsonNumber(text);
    case 'boolean':
      return text;
    case 'date': {
      const time = Date.parse(text);
      return Number.isNaN(time) ? raw : toBytes(`"${new Date(time).toISOString().replace('.000Z', 'Z')}"`);
    }
    default:
      return raw;
  }
}

/** A number that was given as a text may have a plus sign, zeros in front, and a point at either end. */
function jsonNumber(text: ByteString): ByteString {
  const [, sign = '', whole = '', fraction = '', power = ''] =
    /^([-+]?)0*(\d*)\.?(\d*)(.*)$/.exec(text) ?? [];
  return `${sign.replace('+', '')}${whole || '0'}${fraction && `.${fraction}`}${power}` as ByteString;
}

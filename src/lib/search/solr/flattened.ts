import { type ByteString, fromBytes, toBytes } from '../../core/bytes.js';
import { eachElement, eachMember, memberText, stringText } from '../../sources/json-members.js';
import { jsonString } from '../../sources/json-text.js';
import { requireKept } from './kept-value.js';
import type { SolrSchema } from './schema.js';

/**
 * What is searched of a document that is kept apart: values by field, with nested members as `outer.inner`, and places and
 * times in Solr's spelling. Raw JSON.
 * @throws UnfitDocument
 */
export function flattened(
  schema: SolrSchema,
  source: ByteString,
): ReadonlyMap<ByteString, readonly ByteString[]> {
  const values = new Map<ByteString, ByteString[]>();
  const add = (path: ByteString, raw: ByteString): void => {
    const name = fromBytes(path);
    const field = schema.fieldOf(name);
    const value = field?.kind === 'place' ? (placeOf(raw) ?? raw) : raw;
    const code = value.charCodeAt(0);
    if (value === 'null') return;
    if (code === 123) walk(`${path}.` as ByteString, value);
    else if (code === 91) eachElement(value, (element) => add(path, element));
    else {
      const searched = field?.kind === 'date' ? timeOf(value) : value;
      requireKept(name, searched, field?.kind, true);
      const list = values.get(path);
      if (list === undefined) values.set(path, [searched]);
      else list.push(searched);
    }
  };
  const walk = (prefix: ByteString, object: ByteString): void => {
    // Of two members with one name the last is taken, as JSON has it.
    const members = new Map<ByteString, ByteString>();
    eachMember(object, (rawName, raw) => members.set(stringText(rawName), raw));
    for (const [name, raw] of members) {
      const path = (prefix + name) as ByteString;
      if (prefix === '' && (name === schema.uniqueKey || !schema.isOwn(fromBytes(name)))) continue;
      add(path, raw);
    }
  };
  walk('' as ByteString, source);
  return values;
}

/** `{"lat":…,"lon":…}`, GeoJSON's point and `[lon,lat]` as `"lat,lon"`; undefined for what is none of them. */
function placeOf(raw: ByteString): ByteString | undefined {
  const code = raw.charCodeAt(0);
  if (code === 91) {
    const numbers: ByteString[] = [];
    eachElement(raw, (element) => numbers.push(element));
    if (numbers.length !== 2 || numbers.some((element) => !isNumber(element))) return undefined;
    return latLon(numbers[1]!, numbers[0]!);
  }
  if (code !== 123) return undefined;
  const members = new Map<string, ByteString>();
  eachMember(raw, (name, value) => members.set(name, value));
  const coordinates = members.get('"coordinates"');
  if (coordinates !== undefined) return placeOf(coordinates);
  const [lat, lon] = [members.get('"lat"'), members.get('"lon"')];
  return lat === undefined || lon === undefined ? undefined : latLon(memberText(lat)!, memberText(lon)!);
}

function latLon(lat: ByteString, lon: ByteString): ByteString {
  return jsonString(`${lat},${lon}` as ByteString);
}

function isNumber(raw: ByteString): boolean {
  return /^[-\d]/.test(raw);
}

const dated = /^-?\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?)?(Z|[-+]\d\d:?\d\d)?$/;

/** A date without a zone is in UTC; a number counts milliseconds, as Elasticsearch reads it. */
function timeOf(raw: ByteString): ByteString {
  const text = memberText(raw)!;
  const zone = dated.exec(text);
  const time =
    zone !== null
      ? Date.parse(zone[1] === undefined && text.includes('T') ? `${text}Z` : text)
      : /^-?\d+$/.test(text)
        ? Number(text)
        : NaN;
  return Number.isNaN(time) || Math.abs(time) > 8.64e15 ? raw : toBytes(`"${new Date(time).toISOString()}"`);
}

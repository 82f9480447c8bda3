import type { ByteString } from '../../core/bytes.js';
import { toBytes } from '../../core/bytes.js';
import { JsonCursor } from '../../sources/json-cursor.js';
import { jsonString } from '../../sources/json-text.js';
import { stringText } from '../../sources/json-members.js';
import type { FoundHit } from './question.js';

export interface LineOptions {
  /** `{"_id":…,"_source":{…}}` instead of the document alone. */
  readonly meta: boolean;
  /** Of the document; all by default. A member of a nested object by its path: `meter.id`. */
  readonly fields?: readonly string[] | undefined;
}

/** A hit as one line of JSON, without its end; numbers as the server holds them. */
export function hitLine(hit: FoundHit, { meta, fields }: LineOptions): ByteString {
  const document = fields === undefined ? onOneLine(hit.source) : picked(hit.source, fields);
  return meta ? withMeta(hit, document) : document;
}

/** Line breaks are white space in JSON: those of a text are escaped. */
function onOneLine(json: ByteString): ByteString {
  if (json === '') return '{}' as ByteString;
  return json.includes('\n') || json.includes('\r') ? (json.replace(/[\r\n]+/g, ' ') as ByteString) : json;
}

function withMeta(hit: FoundHit, document: ByteString): ByteString {
  const members = [`"_id":${jsonString(hit.id)}`];
  if (hit.routing !== undefined) members.push(`"_routing":${jsonString(hit.routing)}`);
  if (hit.version !== undefined) members.push(`"_version":${hit.version}`);
  if (hit.score !== undefined) members.push(`"_score":${hit.score}`);
  if (hit.distance !== undefined) members.push(`"_distance":${hit.distance}`);
  if (hit.highlights !== undefined) members.push(`"_highlight":${toBytes(JSON.stringify(hit.highlights))}`);
  if (hit.explanation !== undefined) members.push(`"_explanation":${onOneLine(hit.explanation)}`);
  if (hit.source !== '') members.push(`"_source":${document}`);
  return `{${members.join(',')}}` as ByteString;
}

function picked(source: ByteString, fields: readonly string[]): ByteString {
  const members = fields.flatMap((field) => {
    const value = memberAt(source, field);
    return value === undefined ? [] : [`${jsonString(toBytes(field))}:${onOneLine(value)}`];
  });
  return `{${members.join(',')}}` as ByteString;
}

/** @param path as in LineOptions.fields */
export function hasMember(document: ByteString, path: string): boolean {
  return memberAt(document, path) !== undefined;
}

/** The member of that name, or else along the path. */
function memberAt(json: ByteString, path: string): ByteString | undefined {
  let found: ByteString | undefined;
  for (const [name, value] of membersOf(json)) {
    if (name === toBytes(path)) return value;
    if (path.startsWith(`${name}.`)) found ??= memberAt(value, path.slice(name.length + 1));
  }
  return found;
}

/** The members of a document; none of another value. */
export function membersOf(json: ByteString): [name: ByteString, rawValue: ByteString][] {
  const members: [ByteString, ByteString][] = [];
  if (json === '') return members;
  const cursor = new JsonCursor(json);
  if (cursor.first() === '{') cursor.members((name) => members.push([stringText(name), cursor.value()]));
  return members;
}

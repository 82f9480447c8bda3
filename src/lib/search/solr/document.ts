import { type ByteString, fromBytes, toBytes } from '../../core/bytes.js';
import { eachElement, eachMember, memberText, stringText } from '../../sources/json-members.js';
import { jsonString } from '../../sources/json-text.js';
import { requireGivenBack, requireKept, UnfitDocument } from './kept-value.js';
import { flattened } from './flattened.js';
import { type SolrSchema, sourceField, versionField } from './schema.js';

/** Of an update: what `_version_` says must be there. */
export const mustBeMissing = '-1';
export const mustBeThere = '1';

/** What a document must be to be changed, and what it is given. */
export interface Conditions {
  /** `_version_`: decimal digits, or one of those above. */
  readonly expected?: string | undefined;
  /** Decimal digits. */
  readonly externalVersion?: string | undefined;
}

/**
 * The command that writes a whole document. With a source field the document is kept there byte by byte, and its members are
 * what is searched. Without one the members are the document, so what Solr would change is refused.
 * @param source a JSON object
 * @throws UnfitDocument
 */
export function addCommand(
  schema: SolrSchema,
  id: ByteString,
  source: ByteString,
  { expected, externalVersion }: Conditions,
): ByteString {
  const parts = [`${jsonName(schema.uniqueKey)}:${jsonString(id)}`];
  if (schema.keepsSource) {
    parts.push(`"${sourceField}":${jsonString(source)}`);
    for (const [name, values] of flattened(schema, source))
      parts.push(`${jsonString(name)}:${values.length === 1 ? values[0] : `[${values.join(',')}]`}`);
  } else
    for (const [name, value] of ownMembers(schema, id, source))
      if (value !== 'null') parts.push(`${name}:${value}`);
  if (externalVersion !== undefined) parts.push(`"${versionField}":${externalVersion}`);
  if (expected !== undefined) parts.push(`"_version_":${expected}`);
  return `"add":{"doc":{${parts.join(',')}}}` as ByteString;
}

/** The command that changes members of a document without a source field. @throws UnfitDocument */
export function setCommand(
  schema: SolrSchema,
  id: ByteString,
  source: ByteString,
  expected: string,
): ByteString {
  const parts = [`${jsonName(schema.uniqueKey)}:${jsonString(id)}`];
  for (const [name, value] of ownMembers(schema, id, source)) parts.push(`${name}:{"set":${value}}`);
  parts.push(`"_version_":${expected}`);
  return `"add":{"doc":{${parts.join(',')}}}` as ByteString;
}

export function deleteCommand(id: ByteString, expected: string): ByteString {
  return `"delete":{"id":${jsonString(id)},"_version_":${expected}}` as ByteString;
}

/** By raw name, so that of two members with one name the last is taken, as JSON has it. */
function ownMembers(
  schema: SolrSchema,
  id: ByteString,
  source: ByteString,
): ReadonlyMap<ByteString, ByteString> {
  const members = new Map<ByteString, ByteString>();
  eachMember(source, (rawName, raw) => {
    const name = fromBytes(stringText(rawName));
    if (name === schema.uniqueKey) {
      if (memberText(raw) !== id)
        throw new UnfitDocument(
          `${name} is the core's unique key, and is not the id of this document: ${fromBytes(id)}`,
        );
      return;
    }
    if (!schema.isOwn(name))
      throw new UnfitDocument(`${name} is filled by Solr itself: leave it out of the document`);
    requireFlat(name, raw);
    const kind = schema.fieldOf(name)?.kind;
    if (kind === undefined)
      throw new UnfitDocument(
        `${name}: the schema has no such field, and Solr would guess its type from its first value: add the field`,
      );
    const requireExact = (value: ByteString) => {
      requireKept(name, value, kind, false);
      requireGivenBack(name, value, kind, schema.keepsEmptyTexts);
    };
    if (raw.charCodeAt(0) === 91)
      eachElement(raw, (element) => {
        requireFlat(name, element, true);
        requireExact(element);
      });
    else requireExact(raw);
    members.set(jsonString(toBytes(name)), raw);
  });
  return members;
}

/** Solr would take an object for a change of a document, or store the text `{a=1}`. */
function requireFlat(name: string, raw: ByteString, isElement = false): void {
  const code = raw.charCodeAt(0);
  if (code === 123 || (isElement && (code === 91 || raw === 'null')))
    throw new UnfitDocument(
      `${name} has ${code === 123 ? 'an object' : code === 91 ? 'a list within a list' : 'a null in a list'}, which Solr keeps only where ` +
        `the schema has a stored field ${sourceField}`,
    );
}

function jsonName(name: string): string {
  return jsonString(toBytes(name));
}

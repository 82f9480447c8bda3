import { type ByteString, fromBytes, toBytes } from '../../core/bytes.js';
import { eachMember, memberText, stringText } from '../../sources/json-members.js';
import { type SolrSchema, sourceField, versionField } from './schema.js';

/** A document as Solr gives it. */
export interface Stored {
  readonly id: ByteString;
  /** JSON; empty when it was not asked for. */
  readonly source: ByteString;
  /** The source is as it was given, and not made of fields. */
  readonly isKept: boolean;
  /** External where the document has one, else Solr's own. */
  readonly version: string | undefined;
  /** Decimal digits; undefined where the document has none. */
  readonly externalVersion: string | undefined;
  /** `_version_`, decimal digits. */
  readonly ownVersion: string | undefined;
}

/**
 * Which fields to ask for.
 * @param what of a document: nothing but its id and version, what it was given as where that is kept, or all of its fields
 */
export function fieldList(schema: SolrSchema, what: 'name' | 'source' | 'all'): string {
  const always = [schema.uniqueKey, '_version_', ...(schema.keepsExternalVersions ? [versionField] : [])];
  if (what === 'name') return always.join(',');
  const source = schema.keepsSource ? [sourceField] : [];
  return [...(what === 'all' || !schema.keepsSource ? ['*'] : []), ...always, ...source].join(',');
}

/** @param raw an object of an answer's `docs` */
export function storedOf(schema: SolrSchema, raw: ByteString, source: boolean): Stored {
  const key = toBytes(JSON.stringify(schema.uniqueKey));
  let id = '' as ByteString;
  let kept: ByteString | undefined;
  let ownVersion: string | undefined;
  let external: string | undefined;
  const members: string[] = [];
  eachMember(raw, (name, value) => {
    if (name === key) id = memberText(value)!;
    if (name === '"_version_"') ownVersion = value;
    else if (name === `"${sourceField}"`) kept = stringText(value);
    else if (name === `"${versionField}"`) external = value;
    else if (source && kept === undefined && schema.isOwn(fromBytes(stringText(name))))
      members.push(`${name}:${value}`);
  });
  return {
    id,
    // A document that something else wrote has no source of its own.
    source: !source ? ('' as ByteString) : (kept ?? (`{${members.join(',')}}` as ByteString)),
    isKept: kept !== undefined,
    version: external ?? ownVersion,
    externalVersion: external,
    ownVersion,
  };
}

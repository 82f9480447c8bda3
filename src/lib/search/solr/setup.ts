import { UserError } from '../../core/errors.js';
import { differences } from '../setup/compare.js';
import type { FieldType, IndexFields } from '../setup/fields.js';
import type { Change, Fixed, SetupRequest } from '../setup/plan.js';
import type { Json, JsonObject } from '../setup/resource.js';
import { corePath, type SolrClient } from './client.js';
import { describeIndex } from './describe.js';
import { sourceField, versionField } from './schema.js';

export interface SolrPlan {
  /** In the order in which they can be made. */
  readonly changes: readonly Change[];
  readonly fixed: readonly Fixed[];
  /** What Solr does not have, a line each. */
  readonly lacks: readonly string[];
}

/**
 * What separates the schemas of cores or collections from what they should have. Changes nothing. Collections are made; a core has
 * to be there, since Solr makes none over HTTP whose schema is its own.
 * @param hasSynonyms some are configured
 * @throws UserError `CORE_MISSING` exit 2 when none of the cores is there; as SolrClient.json
 */
export async function planSolrSetup(
  client: SolrClient,
  indices: readonly IndexFields[],
  hasSynonyms: boolean,
  signal: AbortSignal,
): Promise<SolrPlan> {
  const there = await Promise.all(indices.map(({ name }) => describeIndex(client, name, signal)));
  const missing = indices.filter((_, i) => there[i] === undefined).map(({ name }) => name);
  if (!client.isCloud && missing.length === indices.length)
    throw new UserError(`${client.name} has no core ${missing.join(', ')}`, {
      code: 'CORE_MISSING',
      hint: `Create it where Solr runs, then set it up: ${missing.map((name) => `bin/solr create -c ${name}`).join('; ')}`,
    });
  const changes: Change[] = [];
  const fixed: Fixed[] = [];
  for (const [i, index] of indices.entries())
    if (there[i] !== undefined) {
      const plan = await schemaPlan(client, index, signal);
      changes.push(...plan.changes);
      fixed.push(...plan.fixed);
    } else if (client.isCloud) changes.push(creationOf(index));
  return { changes, fixed, lacks: [...lacking(client, missing), ...(hasSynonyms ? [noSynonyms] : [])] };
}

/** The requests that set everything up where there is nothing. */
export function solrCreations(client: SolrClient, indices: readonly IndexFields[]): readonly SetupRequest[] {
  return indices.flatMap((index) =>
    client.isCloud
      ? creationOf(index).requests
      : [configRequest(index.name), ...schemaRequests(index.name, wantedOf(index))],
  );
}

const noSynonyms = 'no synonyms by its API: those of the configuration are not used';

function lacking({ isCloud }: SolrClient, missing: readonly string[]): string[] {
  return [
    'no data streams: meter-readings is one index, and old readings stay until they are deleted',
    'no guesses about unknown fields: they are kept, and not searched',
    ...(isCloud
      ? []
      : missing.map((name) => `no core ${name}: bin/solr create -c ${name}, and run this again`)),
  ];
}

function creationOf(index: IndexFields): Change {
  const { name } = index;
  const query = { action: 'CREATE', name, numShards: '1' };
  return {
    what: `collection ${name}`,
    action: 'create',
    differences: [],
    requests: [
      { method: 'POST', path: '/admin/collections', query, body: {} },
      configRequest(name),
      ...schemaRequests(name, wantedOf(index)),
    ],
  };
}

/** Parts of a schema, each by its name. */
interface Parts {
  readonly types: Readonly<Record<string, JsonObject>>;
  readonly fields: Readonly<Record<string, JsonObject>>;
  readonly dynamic: Readonly<Record<string, JsonObject>>;
  readonly copies: readonly JsonObject[];
}

interface RawSchema {
  readonly fieldTypes: readonly JsonObject[];
  readonly fields: readonly JsonObject[];
  readonly dynamicFields: readonly JsonObject[];
  readonly copyFields: readonly JsonObject[];
}

/**
 * The chain of Solr's own configset renames fields (`@timestamp` becomes `_timestamp`), leaves empty texts out, and guesses
 * types: Solr's documentation has it switched off in production so.
 */
const noGuesses = { 'set-user-property': { 'update.autoCreateFields': 'false' } };

async function guesses(client: SolrClient, name: string, signal: AbortSignal): Promise<boolean> {
  const { overlay } = await client.json<{ overlay?: { userProps?: Record<string, unknown> } }>(
    { path: corePath(name, 'config/overlay') },
    signal,
  );
  return overlay?.userProps?.['update.autoCreateFields'] !== 'false';
}

function configRequest(name: string): SetupRequest {
  return { method: 'POST', path: corePath(name, 'config'), body: noGuesses };
}

async function schemaPlan(client: SolrClient, index: IndexFields, signal: AbortSignal) {
  const { name } = index;
  const isGuessing = await guesses(client, name, signal);
  const { schema } = await client.json<{ schema: RawSchema }>({ path: corePath(name, 'schema') }, signal);
  const wanted = wantedOf(index);
  const held = {
    types: byName(schema.fieldTypes),
    fields: byName(schema.fields),
    dynamic: byName(schema.dynamicFields),
  };
  const newOf = (kind: keyof typeof held) =>
    Object.fromEntries(Object.entries(wanted[kind]).filter(([one]) => held[kind][one] === undefined));
  const added: Parts = {
    types: newOf('types'),
    fields: newOf('fields'),
    dynamic: newOf('dynamic'),
    copies: wanted.copies.filter(
      ({ source, dest }) =>
        !schema.copyFields.some((one) => one['source'] === source && one['dest'] === dest),
    ),
  };
  const found = (['types', 'fields', 'dynamic'] as const).flatMap((kind) =>
    Object.entries(wanted[kind]).flatMap(([one, wants]) =>
      held[kind][one] === undefined ? [] : differences(held[kind][one], wants, { path: one, part: true }),
    ),
  );
  const requests = [...(isGuessing ? [configRequest(name)] : []), ...schemaRequests(name, added)];
  const news = [...Object.keys(added.types), ...Object.keys(added.fields), ...Object.keys(added.dynamic)];
  return {
    changes:
      requests.length === 0
        ? []
        : [
            {
              what: `schema of ${name}`,
              action: 'update' as const,
              differences: [
                ...(isGuessing ? [{ path: 'update.autoCreateFields', has: undefined, wants: 'false' }] : []),
                ...news.map((one) => ({ path: one, has: undefined, wants: partOf(added, one) })),
                ...added.copies.map((copy) => ({
                  path: `copy of ${String(copy['source'])}`,
                  has: undefined,
                  wants: copy['dest'],
                })),
              ],
              requests,
            },
          ],
    fixed: found.length === 0 ? [] : [{ name, index: name, differences: found }],
  };
}

function partOf({ types, fields, dynamic }: Parts, name: string): Json | undefined {
  return types[name]?.['class'] ?? fields[name]?.['type'] ?? dynamic[name]?.['type'];
}

function byName(definitions: readonly JsonObject[]): Record<string, JsonObject> {
  return Object.fromEntries(definitions.map(({ name, ...definition }) => [String(name), definition]));
}

/** In their order: fields need their types, and copies both of their fields. */
function schemaRequests(core: string, { types, fields, dynamic, copies }: Parts): SetupRequest[] {
  const named = (parts: Readonly<Record<string, JsonObject>>) =>
    Object.entries(parts).map(([name, definition]) => ({ name, ...definition }));
  const commands: [string, JsonObject[]][] = [
    ['add-field-type', named(types)],
    ['add-field', named(fields)],
    ['add-dynamic-field', named(dynamic)],
    ['add-copy-field', [...copies]],
  ];
  const body = Object.fromEntries(commands.filter(([, list]) => list.length > 0));
  return Object.keys(body).length === 0 ? [] : [{ method: 'POST', path: corePath(core, 'schema'), body }];
}

function analyzer(...filters: JsonObject[]): JsonObject {
  return {
    tokenizer: { name: 'standard' },
    filters: [{ name: 'lowercase' }, { name: 'asciiFolding' }, ...filters],
  };
}

const text = {
  class: 'solr.TextField',
  positionIncrementGap: '100',
  indexAnalyzer: analyzer(),
  queryAnalyzer: analyzer(),
};
const prefixes = {
  ...text,
  indexAnalyzer: analyzer({ name: 'edgeNGram', minGramSize: '1', maxGramSize: '20' }),
};

const typeOf: Readonly<Record<FieldType['is'], string>> = {
  text: 'metrify_text',
  keyword: 'metrify_keyword',
  double: 'metrify_double',
  date: 'metrify_date',
  geo_point: 'metrify_place',
};

const types: Readonly<Record<string, JsonObject>> = {
  metrify_text: text,
  metrify_prefixes: prefixes,
  metrify_keyword: { class: 'solr.StrField', sortMissingLast: true, docValues: true },
  metrify_double: { class: 'solr.DoublePointField', docValues: true },
  metrify_date: { class: 'solr.DatePointField', docValues: true },
  metrify_place: { class: 'solr.LatLonPointSpatialField', docValues: true },
  metrify_long: { class: 'solr.LongPointField', docValues: true },
  metrify_kept: { class: 'solr.StrField', indexed: false, docValues: false, stored: true },
  metrify_ignored: {
    class: 'solr.StrField',
    indexed: false,
    docValues: false,
    stored: false,
    multiValued: true,
  },
};

/** Longer values of a text cannot be sorted by as a whole. */
const mostChars = 1024;

function wantedOf({ fields }: IndexFields): Parts {
  const wanted: Record<string, JsonObject> = {
    [sourceField]: { type: 'metrify_kept' },
    [versionField]: { type: 'metrify_long' },
  };
  const copies: JsonObject[] = [];
  const copied = (source: string, dest: string, type: string, more: JsonObject = {}) => {
    wanted[dest] = {
      type,
      stored: false,
      ...(type === 'metrify_keyword' && { useDocValuesAsStored: false }),
    };
    copies.push({ source, dest, ...more });
  };
  for (const [name, field] of Object.entries(fields)) {
    wanted[name] = {
      type: typeOf[field.is],
      ...(field.is === 'keyword' && field.many === true && { multiValued: true }),
    };
    if (field.is !== 'text') continue;
    copied(name, `${name}.keyword`, 'metrify_keyword', { maxChars: mostChars });
    if (field.prefixes) copied(name, `${name}.prefix`, 'metrify_prefixes');
  }
  return { types, fields: wanted, dynamic: { '*': { type: 'metrify_ignored' } }, copies };
}

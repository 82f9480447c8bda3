import { UserError } from '../../core/errors.js';
import { corePath, type SolrClient } from '../solr/client.js';
import { sourceField, versionField } from '../solr/schema.js';
import { type Difference, differences } from './compare.js';
import type { FieldType, IndexFields } from './fields.js';
import { texts } from './normal.js';
import type { Change, Fixed, Plan, SetupRequest } from './plan.js';
import type { Json, JsonObject } from './resource.js';

interface Definitions {
  readonly fieldTypes: readonly JsonObject[];
  readonly fields: readonly JsonObject[];
  readonly copyFields: readonly JsonObject[];
}

const words = [
  { name: 'standard' },
  [{ name: 'lowercase' }, { name: 'asciiFolding' }],
] as const satisfies readonly [object, object];

function analyzed(name: string, ...more: JsonObject[]): JsonObject {
  const [tokenizer, filters] = words;
  const query = { tokenizer, filters };
  const index = { tokenizer, filters: [...filters, ...more] };
  const analyzers: JsonObject =
    more.length === 0 ? { analyzer: query } : { indexAnalyzer: index, queryAnalyzer: query };
  return { name, class: 'solr.TextField', positionIncrementGap: '100', ...analyzers };
}

const types: Readonly<Record<FieldType['is'] | 'prefixes' | 'whole' | 'version', JsonObject>> = {
  text: analyzed('metrify_words'),
  prefixes: analyzed('metrify_prefixes', { name: 'edgeNGram', minGramSize: '1', maxGramSize: '20' }),
  keyword: { name: 'metrify_keyword', class: 'solr.StrField', docValues: true },
  double: { name: 'metrify_double', class: 'solr.DoublePointField', docValues: true },
  date: { name: 'metrify_date', class: 'solr.DatePointField', docValues: true },
  geo_point: { name: 'metrify_place', class: 'solr.LatLonPointSpatialField', docValues: true },
  // Of any length: of what is indexed or has docValues Solr takes 32 kB.
  whole: { name: 'metrify_whole', class: 'solr.StrField', indexed: false, docValues: false },
  version: { name: 'metrify_version', class: 'solr.LongPointField', docValues: true },
};

/** What the schema of a core with such fields has; also how the documents are kept as they were given. */
export function definitionsOf({ fields }: IndexFields): Definitions {
  const named = Object.entries(fields);
  const prefixed = named.filter(([, field]) => field.is === 'text' && field.prefixes);
  return {
    fieldTypes: Object.values(types),
    fields: [
      ...named.map(([name, { is }]) => ({
        name,
        type: types[is]['name']!,
        // A sensor may have several tags; of everything else it has one.
        ...(name === 'tags' ? { multiValued: true } : {}),
      })),
      ...prefixed.map(([name]) => ({ name: `${name}_prefix`, type: types.prefixes['name']!, stored: false })),
      { name: sourceField, type: types.whole['name']! },
      { name: versionField, type: types.version['name']! },
    ],
    copyFields: prefixed.map(([name]) => ({ source: name, dest: `${name}_prefix` })),
  };
}

/**
 * What separates the schemas of cores, or collections, from what they should have. Changes nothing.
 * @throws UserError exit 2 `INDEX_MISSING` when one of them is not there; as SolrClient.json
 */
export async function planSolr(
  client: SolrClient,
  indices: readonly IndexFields[],
  signal: AbortSignal,
): Promise<Plan> {
  const held = await Promise.all(indices.map(({ name }) => readDefinitions(client, name, signal)));
  const missing = indices.filter((_, i) => held[i] === undefined).map(({ name }) => name);
  if (missing.length > 0) throw missingCores(client, missing);
  const plans = indices.map((index, i) => schemaChanges(index.name, held[i]!, definitionsOf(index)));
  return {
    changes: plans.flatMap(({ changes }) => changes),
    fixed: plans.flatMap(({ fixed }) => fixed),
  };
}

/** The requests that make all of it in cores of Solr's usual configuration. */
export function solrRequests(indices: readonly IndexFields[]): readonly SetupRequest[] {
  return indices.map((index) => schemaRequest(index.name, definitionsOf(index)));
}

function missingCores({ name, isCloud }: SolrClient, missing: readonly string[]): UserError {
  const what = isCloud ? 'collection' : 'core';
  return new UserError(`${name} has no ${what} ${missing.join(', no ')}`, {
    code: 'INDEX_MISSING',
    hint: `A ${what} needs a configuration on the server: ${missing.map((core) => `bin/solr create -c ${core}`).join('; ')}`,
  });
}

async function readDefinitions(
  client: SolrClient,
  core: string,
  signal: AbortSignal,
): Promise<Definitions | undefined> {
  const { status, body } = await client.bytes({ path: corePath(core, 'schema'), expected: [404] }, signal);
  return status === 404 ? undefined : (JSON.parse(body.toString('utf8')) as { schema: Definitions }).schema;
}

function schemaChanges(core: string, held: Definitions, wanted: Definitions): Plan {
  const fieldTypes = compared('fieldTypes', held.fieldTypes, wanted.fieldTypes);
  const fields = compared('fields', held.fields, wanted.fields);
  const copyFields = wanted.copyFields.filter(
    ({ source, dest }) => !held.copyFields.some((copy) => copy['source'] === source && copy['dest'] === dest),
  );
  const fixed = [...fieldTypes.different, ...fields.different];
  const added = { fieldTypes: fieldTypes.missing, fields: fields.missing, copyFields };
  const all = [...added.fieldTypes, ...added.fields].map((one): Difference => ({
    path: 'schema',
    has: undefined,
    wants: one['name'] as Json,
  }));
  const copies = copyFields.map(({ source, dest }): Difference => ({
    path: 'copyFields',
    has: undefined,
    wants: `${String(source)} → ${String(dest)}`,
  }));
  const found = [...all, ...copies];
  const change: Change = {
    what: `schema of ${core}`,
    action: 'update',
    differences: found,
    requests: [schemaRequest(core, added)],
  };
  const refused: Fixed = { name: core, index: core, differences: fixed };
  return { changes: found.length === 0 ? [] : [change], fixed: fixed.length === 0 ? [] : [refused] };
}

/** Solr makes all of these changes, or none. */
function schemaRequest(core: string, { fieldTypes, fields, copyFields }: Definitions): SetupRequest {
  const commands = { 'add-field-type': fieldTypes, 'add-field': fields, 'add-copy-field': copyFields };
  const body = Object.fromEntries(Object.entries(commands).filter(([, list]) => list.length > 0));
  return { method: 'POST', path: corePath(core, 'schema'), body };
}

/** By name. What has another definition would need every document again. */
function compared(
  part: string,
  held: readonly JsonObject[],
  wanted: readonly JsonObject[],
): { missing: JsonObject[]; different: Difference[] } {
  const byName = new Map(held.map((one) => [one['name'], one]));
  const missing = wanted.filter(({ name }) => !byName.has(name));
  const different = wanted.flatMap((one) => {
    const there = byName.get(one['name']);
    const path = `${part}.${String(one['name'])}`;
    return there === undefined ? [] : differences(texts(there), texts(one), { part: true, path });
  });
  return { missing, different };
}

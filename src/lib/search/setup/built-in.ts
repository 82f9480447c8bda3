import { longestDays } from '../age.js';
import type { Capabilities } from './capabilities.js';
import type { FieldType, IndexFields } from './fields.js';
import { ilmPolicy, ismPolicy } from './lifecycle.js';
import type { IndexBody, JsonObject, Named, Stored, Wanted } from './resource.js';
import type { IndexSettings } from './settings.js';

/** Above that of the templates which servers come with. */
const priority = 150;
const meta = { managed_by: 'metrify' };

/** The templates, policies and indices of the fields, for a server that can so much. */
export function wantedOf(
  indices: readonly IndexFields[],
  capabilities: Capabilities,
  settings: IndexSettings,
): Wanted {
  const each = indices.map((index) => wantedIndex(index, capabilities, settings));
  return { stored: each.flatMap(({ stored }) => stored), named: each.map(({ named }) => named) };
}

function wantedIndex(
  index: IndexFields,
  capabilities: Capabilities,
  settings: IndexSettings,
): { stored: Stored[]; named: Named } {
  const { name, series } = index;
  const body = indexBody(index, capabilities, settings);
  const template = (patterns: string[], template: object, more: JsonObject = {}): Stored => ({
    kind: 'index-template',
    name,
    body: { index_patterns: patterns, priority, _meta: meta, template: template as JsonObject, ...more },
  });
  if (!series || !capabilities.dataStreams)
    return {
      stored: [template([`${name}-*`], body)],
      named: { kind: series ? 'monthly' : 'index', name, body },
    };
  const { lifecycle } = capabilities;
  const age = settings.retention[name];
  const days = age === undefined ? undefined : longestDays(age);
  const policies: Stored[] = [];
  if (days !== undefined && lifecycle === 'ilm') policies.push(ilmPolicy(name, days));
  if (days !== undefined && lifecycle === 'ism') policies.push(ismPolicy(name, days, priority));
  const withLifecycle = {
    ...body,
    ...(policies[0]?.kind === 'ilm-policy'
      ? { settings: { ...body.settings, 'index.lifecycle.name': name } }
      : {}),
    ...(days !== undefined && lifecycle === 'data-stream'
      ? { lifecycle: { data_retention: `${days}d` } }
      : {}),
  };
  return {
    stored: [...policies, template([name], withLifecycle, { data_stream: {} })],
    named: {
      kind: 'data-stream',
      name,
      body,
      rollsOver: policies.length === 0 && lifecycle !== 'data-stream',
    },
  };
}

/** Settings and mappings of an index with such fields. */
export function indexBody(
  { fields }: IndexFields,
  capabilities: Capabilities,
  { shards, replicas, synonyms }: IndexSettings,
): IndexBody {
  const hasText = Object.values(fields).some(({ is }) => is === 'text');
  return {
    settings: {
      ...(shards === undefined ? {} : { 'index.number_of_shards': shards }),
      ...(replicas === undefined ? {} : { 'index.number_of_replicas': replicas }),
      ...(hasText ? { 'index.analysis': analysis(capabilities, synonyms) } : {}),
    },
    mappings: {
      _meta: meta,
      // A text that looks like a time must not decide that the field is a date, and that the next text is refused.
      date_detection: false,
      dynamic_templates: [
        { texts: { match_mapping_type: 'string', mapping: { type: 'keyword', ignore_above: 1024 } } },
      ],
      properties: Object.fromEntries(
        Object.entries(fields).map(([name, field]) => [name, propertyOf(field, capabilities)]),
      ),
    },
  };
}

/** Analyzers: `words` reads texts, `asked` what is searched for, and `prefixes` texts by their first letters. */
function analysis({ asciiFolding, edgeNgram, synonyms }: Capabilities, rules: readonly string[]): JsonObject {
  const plain = asciiFolding ? ['lowercase', 'asciifolding'] : ['lowercase'];
  const hasSynonyms = synonyms && rules.length > 0;
  const analyzer = (...filter: string[]) => ({ type: 'custom', tokenizer: 'standard', filter });
  const filters = {
    ...(hasSynonyms ? { synonyms: { type: 'synonym_graph', synonyms: rules } } : {}),
    ...(edgeNgram ? { first_letters: { type: 'edge_ngram', min_gram: 1, max_gram: 20 } } : {}),
  };
  return {
    analyzer: {
      words: analyzer(...plain),
      asked: analyzer(...plain, ...(hasSynonyms ? ['synonyms'] : [])),
      ...(edgeNgram ? { prefixes: analyzer(...plain, 'first_letters') } : {}),
    },
    ...(Object.keys(filters).length === 0 ? {} : { filter: filters }),
  };
}

function propertyOf(field: FieldType, { edgeNgram }: Capabilities): JsonObject {
  if (field.is === 'keyword') return { type: 'keyword', ignore_above: 1024 };
  if (field.is !== 'text') return { type: field.is };
  return {
    type: 'text',
    analyzer: 'words',
    search_analyzer: 'asked',
    fields: {
      keyword: { type: 'keyword', ignore_above: 1024 },
      ...(field.prefixes && edgeNgram
        ? { prefix: { type: 'text', analyzer: 'prefixes', search_analyzer: 'words' } }
        : {}),
    },
  };
}

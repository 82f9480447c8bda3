import { UserError } from '../../core/errors.js';
import { corePath, type SolrClient } from './client.js';

/**
 * The stored field that keeps a document as it was given, byte by byte, where a schema has it. Solr's own `srcField` usually
 * has this name.
 */
export const sourceField = '_src_';
/** A long field for external versions, where a schema has it: Solr has no such versions itself. */
export const versionField = '_external_version_';

/** What a field holds, as far as it matters here. */
export type FieldKind =
  'int' | 'long' | 'float' | 'double' | 'date' | 'place' | 'text' | 'keyword' | 'boolean' | 'other';

export interface SolrField {
  readonly name: string;
  readonly type: string;
  readonly kind: FieldKind;
  readonly multiValued: boolean;
  /** Whether it can be searched. */
  readonly indexed: boolean;
}

/** The schema of a core or collection. */
export interface SolrSchema {
  readonly uniqueKey: string;
  readonly fields: readonly SolrField[];
  readonly keepsSource: boolean;
  readonly keepsExternalVersions: boolean;
  /** Whether what is written becomes visible to searches by itself. */
  readonly commitsItself: boolean;
  /** Whether an empty text is kept, and not left out by the usual chain of updates. */
  readonly keepsEmptyTexts: boolean;
  /** Of the document's member of that name, by a field or a dynamic field. */
  fieldOf(name: string): SolrField | undefined;
  /** Whether the member is part of a document, and not Solr's own or a copy of another. */
  isOwn(name: string): boolean;
}

interface Definition {
  readonly name: string;
  readonly type: string;
  readonly multiValued?: boolean;
  readonly indexed?: boolean;
  readonly stored?: boolean;
}

interface FieldType {
  readonly name: string;
  readonly class: string;
  readonly multiValued?: boolean;
  readonly indexed?: boolean;
  readonly stored?: boolean;
}

interface RawSchema {
  readonly uniqueKey?: string;
  readonly fieldTypes: readonly FieldType[];
  readonly fields: readonly Definition[];
  readonly dynamicFields?: readonly Definition[];
  readonly copyFields?: readonly { readonly source: string; readonly dest: string }[];
}

/** @throws UserError `NO_UNIQUE_KEY` exit 2; as SolrClient.json */
export async function readSchema(client: SolrClient, core: string, signal: AbortSignal): Promise<SolrSchema> {
  const [{ schema }, { config }] = await Promise.all([
    client.json<{ schema: RawSchema }>({ path: corePath(core, 'schema') }, signal),
    // Whoever may not read it can do without.
    client.json<RawConfig>({ path: corePath(core, 'config'), expected: [401, 403] }, signal),
  ]);
  if (schema.uniqueKey === undefined)
    throw new UserError(`The schema of ${core} has no unique key: its documents have no ids`, {
      code: 'NO_UNIQUE_KEY',
    });
  return schemaOf(schema, schema.uniqueKey, config);
}

interface Commits {
  /** Milliseconds; −1 for never. */
  readonly maxTime?: number;
  readonly openSearcher?: boolean;
}

interface RawConfig {
  readonly config?: {
    readonly updateProcessor?: Readonly<Record<string, { readonly class?: string }>>;
    readonly updateRequestProcessorChain?: readonly {
      readonly default?: string;
      /** Names, with commas between them. */
      readonly processor?: string;
    }[];
    readonly updateHandler?: { readonly autoCommit?: Commits; readonly autoSoftCommit?: Commits };
  };
}

function commitsItself(config: RawConfig['config']): boolean {
  const { autoCommit, autoSoftCommit } = config?.updateHandler ?? {};
  const isOn = ({ maxTime = -1 }: Commits = {}) => maxTime > 0;
  return isOn(autoSoftCommit) || (isOn(autoCommit) && autoCommit?.openSearcher === true);
}

const dropsBlanks = /RemoveBlankFieldUpdateProcessor/;

/** Of Solr's own configset: where its chain is not switched off, an empty text is as if it were not there. */
function keepsEmptyTexts(config: RawConfig['config']): boolean {
  if (config === undefined) return false;
  const { updateProcessor = {}, updateRequestProcessorChain: chains = [] } = config;
  return !chains.some(
    (chain) =>
      chain.default === 'true' &&
      (dropsBlanks.test(JSON.stringify(chain)) ||
        chain.processor
          ?.split(',')
          .some((name) => dropsBlanks.test(updateProcessor[name.trim()]?.class ?? ''))),
  );
}

const kinds: Readonly<Record<string, FieldKind>> = {
  IntPointField: 'int',
  TrieIntField: 'int',
  LongPointField: 'long',
  TrieLongField: 'long',
  FloatPointField: 'float',
  TrieFloatField: 'float',
  DoublePointField: 'double',
  TrieDoubleField: 'double',
  DatePointField: 'date',
  TrieDateField: 'date',
  LatLonPointSpatialField: 'place',
  SpatialRecursivePrefixTreeFieldType: 'place',
  RptWithGeometrySpatialField: 'place',
  PointType: 'place',
  TextField: 'text',
  SortableTextField: 'text',
  StrField: 'keyword',
  UUIDField: 'keyword',
  BoolField: 'boolean',
};

function schemaOf(raw: RawSchema, uniqueKey: string, config: RawConfig['config']): SolrSchema {
  const types = new Map(raw.fieldTypes.map((type) => [type.name, type]));
  const fieldFrom = ({ name, type, multiValued, indexed }: Definition): SolrField => {
    const of = types.get(type);
    return {
      name,
      type,
      kind: kinds[(of?.class ?? '').replace(/^.*\./, '')] ?? 'other',
      multiValued: multiValued ?? of?.multiValued ?? false,
      indexed: indexed ?? of?.indexed ?? true,
    };
  };
  const isStored = ({ stored, type }: Definition) => stored ?? types.get(type)?.stored ?? true;
  const fields = raw.fields.map(fieldFrom);
  const byName = new Map(fields.map((field) => [field.name, field]));
  // Of two patterns that match Solr takes the longer one.
  const dynamic = (raw.dynamicFields ?? [])
    .map(fieldFrom)
    .sort((a, b) => b.name.length - a.name.length)
    .map((field) => ({ field, matches: pattern(field.name) }));
  const copies = (raw.copyFields ?? []).map(({ dest }) => pattern(dest));
  const own = new Map<string, boolean>();
  return {
    uniqueKey,
    fields,
    keepsSource: raw.fields.some((field) => field.name === sourceField && isStored(field)),
    keepsExternalVersions: byName.has(versionField),
    commitsItself: commitsItself(config),
    keepsEmptyTexts: keepsEmptyTexts(config),
    fieldOf(name) {
      const field = byName.get(name);
      if (field !== undefined) return field;
      const found = dynamic.find(({ matches }) => matches.test(name))?.field;
      return found && { ...found, name };
    },
    isOwn(name) {
      let is = own.get(name);
      if (is === undefined) {
        is = !solrsOwn.has(name) && !copies.some((copy) => copy.test(name));
        own.set(name, is);
      }
      return is;
    },
  };
}

/** Members that Solr gives a meaning of their own, and ours. */
export const solrsOwn: ReadonlySet<string> = new Set([
  '_version_',
  '_root_',
  '_nest_path_',
  '_nest_parent_',
  '_childDocuments_',
  '_route_',
  sourceField,
  versionField,
  // Of our searches.
  '_score_',
  '_distance_',
]);

/** Of a name with at most one star at its start or end. */
function pattern(glob: string): RegExp {
  return new RegExp(`^${glob.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace('*', '.*')}$`, 's');
}

import type { Digits } from '../exact-json.js';

export type Json = null | boolean | number | string | Digits | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}

/** Of an index, or of the indices of a template. */
export interface IndexBody {
  readonly settings?: JsonObject;
  readonly mappings?: JsonObject;
  readonly aliases?: JsonObject;
}

/** What is stored whole under a name, and read back as it was put. */
export type StoredKind = 'ilm-policy' | 'ism-policy' | 'component-template' | 'index-template';

export interface Stored {
  readonly kind: StoredKind;
  readonly name: string;
  readonly body: JsonObject;
}

/** Documents that are found under one name, whatever the indices behind it. */
export type Named =
  /** One index, `NAME-000001` at first, behind the alias NAME, so that `search reindex` can replace it. */
  | { readonly kind: 'index'; readonly name: string; readonly body: IndexBody }
  /** An index a month, `NAME-2026-11`, behind the alias NAME; what is written goes to the current month's. */
  | { readonly kind: 'monthly'; readonly name: string; readonly body: IndexBody }
  | {
      readonly kind: 'data-stream';
      readonly name: string;
      readonly body: IndexBody;
      /** Nothing on the server begins a new index: setup does, once a month. */
      readonly rollsOver: boolean;
    };

/** What a server should have. Those that others refer to come first. */
export interface Wanted {
  readonly stored: readonly Stored[];
  readonly named: readonly Named[];
}

const paths: Record<StoredKind, string> = {
  'ilm-policy': '/_ilm/policy',
  'ism-policy': '/_plugins/_ism/policies',
  'component-template': '/_component_template',
  'index-template': '/_index_template',
};

/** Where it is put, and read. */
export function pathOf({ kind, name }: Pick<Stored, 'kind' | 'name'>): string {
  return `${paths[kind]}/${encodeURIComponent(name)}`;
}

const kindNames: Record<StoredKind | Named['kind'], string> = {
  'ilm-policy': 'lifecycle policy',
  'ism-policy': 'lifecycle policy',
  'component-template': 'component template',
  'index-template': 'index template',
  index: 'index',
  monthly: 'index',
  'data-stream': 'data stream',
};

/** For people. */
export function kindName(kind: StoredKind | Named['kind']): string {
  return kindNames[kind];
}

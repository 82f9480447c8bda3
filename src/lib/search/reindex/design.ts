import { toBytes } from '../../core/bytes.js';
import { UserError } from '../../core/errors.js';
import type { ElasticClient } from '../elastic/client.js';
import { Digits, exactJson } from '../exact-json.js';

/** What the new index is to be like; what is not given is as the source has it. */
export interface Design {
  readonly mappings?: object | undefined;
  /** By full name: `index.number_of_shards`. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** First as the index template says that matches the new index's name. */
  readonly fromTemplate?: boolean;
}

/**
 * Reads JSON: `{ mappings, settings }` as an index is created with, or a mapping alone.
 * @param path for messages
 * @throws UserError exit 2
 */
export function readDesign(text: string, path: string): Design {
  let stored: unknown;
  try {
    stored = exactJson(toBytes(text));
  } catch {
    throw unusable(path, 'it is not JSON');
  }
  if (!isObject(stored)) throw unusable(path, 'it is not an object');
  const isMapping = !('mappings' in stored || 'settings' in stored);
  const { mappings, settings } = isMapping ? { mappings: stored, settings: undefined } : stored;
  if (mappings !== undefined && !isObject(mappings)) throw unusable(path, 'its mappings are not an object');
  if (settings !== undefined && !isObject(settings)) throw unusable(path, 'its settings are not an object');
  if (isObject(mappings) && isMapping && !('properties' in mappings))
    throw unusable(path, 'it has neither mappings, nor settings, nor properties');
  return { mappings, settings: settings && flatSettings(settings) };
}

function unusable(path: string, why: string): UserError {
  return new UserError(`${path} is not a mapping: ${why}`, {
    code: 'MAPPING_UNREADABLE',
    hint: 'Give JSON such as { "mappings": { "properties": { … } }, "settings": { … } }.',
  });
}

/** Settings by full name, however they were nested. */
export function flatSettings(settings: object): Record<string, unknown> {
  const flat: Record<string, unknown> = {};
  const add = (name: string, value: unknown) => {
    if (isObject(value)) for (const [key, inner] of Object.entries(value)) add(`${name}.${key}`, inner);
    else flat[name.startsWith('index.') ? name : `index.${name}`] = value;
  };
  for (const [key, value] of Object.entries(settings)) add(key, value);
  return flat;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Digits);
}

interface Template {
  readonly settings?: object;
  readonly mappings?: object;
  readonly aliases?: Readonly<Record<string, object>>;
}

/** What an index of this name would be created with; undefined when no index template matches, or the server has none. */
export async function matchingTemplate(
  client: ElasticClient,
  name: string,
  signal: AbortSignal,
): Promise<Template | undefined> {
  const { template } = await client.json<{ template?: Template }>(
    {
      method: 'POST',
      path: `/_index_template/_simulate_index/${encodeURIComponent(name)}`,
      expected: [400, 404, 405],
      exact: true,
    },
    signal,
  );
  return template;
}

/** The design with what its template says. @throws UserError exit 2 when no template matches */
export async function completeDesign(
  client: ElasticClient,
  name: string,
  design: Design,
  signal: AbortSignal,
): Promise<Design> {
  if (!design.fromTemplate) return design;
  const { mappings, settings = {} } = (await matchingTemplate(client, name, signal)) ?? {};
  if (mappings === undefined || Object.keys(mappings).length === 0)
    throw new UserError(`no index template has a mapping for '${name}'`, {
      code: 'TEMPLATE_MISSING',
      hint: 'Write one with metrify search setup, or give --mapping FILE.',
    });
  return { mappings, settings: { ...flatSettings(settings), ...design.settings } };
}

import { UserError } from '../../core/errors.js';
import { SearchRefusal } from '../../clients/search/refusal.js';
import type { ElasticClient } from '../elastic/client.js';
import { readStored } from './holdings.js';
import { isObject, normalSettings } from './normal.js';
import {
  type IndexBody,
  type Json,
  type JsonObject,
  kindName,
  type Stored,
  type Wanted,
} from './resource.js';

/**
 * Has the server look at every template and index before anything is changed: of several, the second one may be the one that
 * is wrong. Changes nothing.
 * @throws UserError exit 2 `TEMPLATE_REFUSED`, with what the server says
 */
export async function validate(client: ElasticClient, wanted: Wanted, signal: AbortSignal): Promise<void> {
  const components = wanted.stored.filter(({ kind }) => kind === 'component-template');
  for (const { name, body } of components)
    await simulate(client, `component template ${name}`, inner(body), signal);
  for (const stored of wanted.stored)
    if (stored.kind === 'index-template')
      await simulate(
        client,
        `${kindName(stored.kind)} ${stored.name}`,
        await composed(client, stored, components, signal),
        signal,
      );
  for (const { kind, name, body } of wanted.named)
    if (kind !== 'data-stream') await simulate(client, `index ${name}`, body as JsonObject, signal);
}

/** The template with all that it is composed of. */
async function composed(
  client: ElasticClient,
  { name, body }: Stored,
  components: readonly Stored[],
  signal: AbortSignal,
): Promise<JsonObject> {
  const parts: JsonObject[] = [];
  const optional = (body['ignore_missing_component_templates'] ?? []) as readonly string[];
  for (const part of (body['composed_of'] ?? []) as readonly string[]) {
    const own = components.find((component) => component.name === part)?.body;
    const held = own ?? (await readStored(client, { kind: 'component-template', name: part }, signal))?.body;
    if (held === undefined && !optional.includes(part))
      throw new UserError(
        `index template ${name} is composed of ${part}, and there is no such component template`,
        {
          code: 'TEMPLATE_REFUSED',
          hint: `Add component-templates/${part}.json, or take ${part} out of composed_of.`,
        },
      );
    if (held !== undefined) parts.push(inner(held));
  }
  return [...parts, inner(body)].reduce(merged, {});
}

/** Settings, mappings and aliases. A lifecycle is left out: only templates of data streams have one. */
function inner({ template }: JsonObject): JsonObject {
  const { settings, mappings, aliases } = (template ?? {}) as JsonObject;
  return {
    settings: normalSettings(settings as JsonObject | undefined),
    mappings: mappings ?? {},
    aliases: aliases ?? {},
  };
}

function merged(one: JsonObject, other: JsonObject): JsonObject {
  const result: Record<string, Json> = { ...one };
  for (const [key, value] of Object.entries(other)) {
    const there = result[key];
    result[key] = isObject(there) && isObject(value) ? merged(there, value) : value;
  }
  return result;
}

async function simulate(
  client: ElasticClient,
  what: string,
  template: IndexBody | JsonObject,
  signal: AbortSignal,
) {
  // No index has such a name, so that no other template is in its way.
  const pattern = 'metrify-simulated-*';
  try {
    await client.json(
      {
        method: 'POST',
        path: '/_index_template/_simulate',
        body: { index_patterns: [pattern], priority: 1_000_000, template },
      },
      signal,
    );
  } catch (error) {
    if (!(error instanceof SearchRefusal && error.status === 400)) throw error;
    throw new UserError(`${client.name} would not take the ${what}: ${said(error.reason)}`, {
      code: 'TEMPLATE_REFUSED',
      hint: 'Nothing was changed.',
      cause: error,
    });
  }
}

/** Without the name that the server gave what it simulated. */
function said(reason: string): string {
  return reason.replace(/^.*\[simulate_template_[^\]]*\][^:]*: /, '');
}

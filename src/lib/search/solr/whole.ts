import { ServiceConflict } from '../../core/errors.js';
import { corePath } from './client.js';
import type { SolrEngine } from './engine.js';
import { readSchema } from './schema.js';

interface Field {
  readonly name: string;
  readonly stored?: boolean;
  readonly docValues?: boolean;
  readonly useDocValuesAsStored?: boolean;
  readonly multiValued?: boolean;
}

/**
 * Whether documents of a core come back as they were given: they are kept whole, or each of their fields is stored.
 * @throws ServiceConflict `SOURCE_INCOMPLETE` when they do not; as SolrClient.json
 */
export async function requireWhole({ client }: SolrEngine, core: string, signal: AbortSignal): Promise<void> {
  const schema = await readSchema(client, core, signal);
  if (schema.keepsSource) return;
  const query = { showDefaults: 'true' };
  const [{ fields }, { dynamicFields }, { fields: used = {} }] = await Promise.all([
    client.json<{ fields: Field[] }>({ path: corePath(core, 'schema/fields'), query }, signal),
    client.json<{ dynamicFields: Field[] }>({ path: corePath(core, 'schema/dynamicfields'), query }, signal),
    client.json<{ fields?: Record<string, { dynamicBase?: string }> }>(
      { path: corePath(core, 'admin/luke'), query: { numTerms: '0' } },
      signal,
    ),
  ]);
  const lost = new Set(
    [...fields, ...dynamicFields].filter((field) => !isKept(field)).map(({ name }) => name),
  );
  const found = Object.entries(used).find(
    ([name, { dynamicBase }]) => lost.has(dynamicBase ?? name) && schema.isOwn(name),
  );
  if (found === undefined) return;
  throw new ServiceConflict(
    `${core} does not give its documents as they were written: ${found[0]} is not stored`,
    {
      code: 'SOURCE_INCOMPLETE',
      hint: 'Fill the other one from where the documents came from: metrify search index',
    },
  );
}

/** Several values that only doc values keep come back sorted, and each once. */
function isKept({ stored, docValues, useDocValuesAsStored, multiValued }: Field): boolean {
  return stored === true || (docValues === true && useDocValuesAsStored !== false && multiValued !== true);
}

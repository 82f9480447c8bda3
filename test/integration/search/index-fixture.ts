import type { SearchEngine } from '../../../src/lib/search/engine.js';
import { openEngine } from '../../../src/lib/search/open-engine.js';
import { type SharedSearch } from '../../servers/search.js';

export const timeouts = { connectTimeoutMs: 5000, requestTimeoutMs: 30_000 };

/** What a field of a test's index holds; `unsearched`: anything. */
export type Holds = 'unsearched' | 'text' | 'keyword' | 'long' | 'int' | 'double' | 'date' | 'place';

const elasticTypes: Readonly<Record<Exclude<Holds, 'unsearched'>, string>> = {
  text: 'text',
  keyword: 'keyword',
  long: 'long',
  int: 'integer',
  double: 'double',
  date: 'date',
  place: 'geo_point',
};

const solrTypes: Readonly<Record<Holds, string | undefined>> = {
  unsearched: undefined,
  text: 'text_general',
  keyword: 'string',
  long: 'plong',
  int: 'pint',
  double: 'pdouble',
  date: 'pdate',
  place: 'location',
};

/** @param url of the server, or of a proxy in front of it */
export function openAt(server: SharedSearch, url = server.url): Promise<SearchEngine> {
  const section = server.engine === 'solr-9' ? 'solr' : 'elasticsearch';
  return openEngine(section, { urls: [url] }, timeouts, AbortSignal.timeout(60_000));
}

/** Makes an index of the file's own by the server's API; of Solr, a core. @param more fields of Solr beside them */
export async function createIndex(
  server: SharedSearch,
  name: string,
  fields: Readonly<Record<string, Holds>>,
  more: readonly object[] = [],
): Promise<string> {
  const index = server.prefix + name;
  if (server.engine === 'solr-9') {
    const { url, configSet } = server;
    await send(
      `${url}/admin/cores?${new URLSearchParams({ action: 'CREATE', name: index, configSet }).toString()}`,
    );
    const given = Object.entries(fields)
      .map(([field, holds]) => ({ name: field, type: solrTypes[holds], multiValued: false }))
      .filter(({ type }) => type !== undefined);
    // The configset is the file's: what another of its cores has asked for is there already.
    const { schema } = (await send(`${url}/${index}/schema`)) as {
      schema: { fields: { name: string }[] };
    };
    const there = new Set(schema.fields.map((field) => field.name));
    const wanted = [...given, ...more].filter((field) => !there.has((field as { name: string }).name));
    if (wanted.length > 0) await send(`${url}/${index}/schema`, { 'add-field': wanted });
  } else {
    const properties = Object.fromEntries(
      Object.entries(fields).map(([field, holds]) => [
        field,
        holds === 'unsearched' ? { type: 'object', enabled: false } : { type: elasticTypes[holds] },
      ]),
    );
    await send(`${server.url}/${index}`, { mappings: { properties } }, 'PUT');
  }
  return index;
}

async function send(
  url: string,
  body?: object,
  method = body === undefined ? 'GET' : 'POST',
): Promise<unknown> {
  const response = await fetch(url, {
    method,
    ...(body !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${answer}`);
  return JSON.parse(answer);
}

/** Fields of Solr that keep documents whole, and their versions. */
export const keeping: readonly object[] = [
  { name: '_src_', type: 'string', indexed: false, docValues: false, stored: true },
  { name: '_external_version_', type: 'plong' },
];

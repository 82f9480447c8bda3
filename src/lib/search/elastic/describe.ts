import type { IndexDescription } from '../engine.js';
import type { ElasticClient } from './client.js';
import { requireName } from './name.js';

interface Resolved {
  readonly aliases?: readonly { readonly name: string }[];
  readonly data_streams?: readonly { readonly name: string }[];
}

/** What an index, alias or data stream of that name stands for; undefined when there is nothing of it. @throws UserError `NOT_A_NAME` exit 2 */
export async function describeIndex(
  client: ElasticClient,
  index: string,
  signal: AbortSignal,
): Promise<IndexDescription | undefined> {
  requireName(index);
  const indices = await indicesBehind(client, index, signal);
  if (indices === undefined) return undefined;
  const resolved = await client.json<Resolved>(
    { path: `/_resolve/index/${encodeURIComponent(index)}`, expected: [400, 404, 405] },
    signal,
  );
  return {
    indices,
    isAlias:
      resolved.aliases?.some(({ name }) => name === index) ?? !indices.some(({ name }) => name === index),
    isDataStream: resolved.data_streams?.some(({ name }) => name === index) ?? false,
  };
}

/** The concrete indices that a name stands for; undefined when there is nothing of that name. */
export async function indicesBehind(
  client: ElasticClient,
  index: string,
  signal: AbortSignal,
): Promise<IndexDescription['indices'] | undefined> {
  type Settings = Record<string, { settings?: { index?: { uuid?: string } } }>;
  const settings = await client.jsonIfThere<Settings>(
    { path: `/${encodeURIComponent(index)}/_settings/index.uuid` },
    signal,
  );
  if (settings === undefined) return undefined;
  return Object.entries(settings).map(([name, { settings }]) => ({
    name,
    uuid: settings?.index?.uuid ?? '',
  }));
}

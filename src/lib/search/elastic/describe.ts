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
  const path = `/${encodeURIComponent(index)}`;
  type Settings = Record<string, { settings?: { index?: { uuid?: string } } }>;
  const settings = await client.jsonIfThere<Settings>({ path: `${path}/_settings/index.uuid` }, signal);
  if (settings === undefined) return undefined;
  const resolved = await client.json<Resolved>(
    { path: `/_resolve/index${path}`, expected: [400, 404, 405] },
    signal,
  );
  return {
    indices: Object.entries(settings).map(([name, { settings }]) => ({
      name,
      uuid: settings?.index?.uuid ?? '',
    })),
    isAlias: resolved.aliases?.some(({ name }) => name === index) ?? !(index in settings),
    isDataStream: resolved.data_streams?.some(({ name }) => name === index) ?? false,
  };
}

import type { IndexDescription } from '../engine.js';
import type { SolrClient } from './client.js';

/** What a core, collection or alias of that name stands for; undefined when there is nothing of it. */
export async function describeIndex(
  client: SolrClient,
  name: string,
  signal: AbortSignal,
): Promise<IndexDescription | undefined> {
  return client.isCloud ? describeCollections(client, name, signal) : describeCore(client, name, signal);
}

interface CoreStatus {
  readonly name?: string;
  readonly instanceDir?: string;
  readonly dataDir?: string;
}

/**
 * A core has no identity but where it is: one that was deleted and made again in the same folders is taken for the same. Cores
 * that this program makes have data folders of their own.
 */
async function describeCore(
  client: SolrClient,
  name: string,
  signal: AbortSignal,
): Promise<IndexDescription | undefined> {
  const { status } = await client.json<{ status: Record<string, CoreStatus> }>(
    { path: '/admin/cores', query: { action: 'STATUS', core: name, indexInfo: 'false' } },
    signal,
  );
  const core = status[name];
  if (core?.name === undefined) return undefined;
  return {
    indices: [{ name: core.name, uuid: core.dataDir ?? core.instanceDir ?? '' }],
    isAlias: false,
    isDataStream: false,
  };
}

async function describeCollections(
  client: SolrClient,
  name: string,
  signal: AbortSignal,
): Promise<IndexDescription | undefined> {
  const { aliases = {} } = await client.json<{ aliases?: Record<string, string> }>(
    { path: '/admin/collections', query: { action: 'LISTALIASES' } },
    signal,
  );
  const { cluster } = await client.json<{
    cluster: { collections: Record<string, { creationTimeMillis?: number; znodeVersion?: number }> };
  }>({ path: '/admin/collections', query: { action: 'CLUSTERSTATUS' } }, signal);
  const isAlias = Object.hasOwn(aliases, name);
  const names = isAlias ? aliases[name]!.split(',') : [name];
  const indices = names.flatMap((one) => {
    const collection = cluster.collections[one];
    return collection === undefined
      ? []
      : [{ name: one, uuid: `${one}@${collection.creationTimeMillis ?? ''}` }];
  });
  return indices.length === 0 ? undefined : { indices, isAlias, isDataStream: false };
}

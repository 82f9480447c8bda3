import { randomUUID } from 'node:crypto';

import { ServiceConflict, UserError } from '../../core/errors.js';
import { SearchRefusal } from '../../clients/search/refusal.js';
import type { SolrClient } from './client.js';
import { describeIndex } from './describe.js';

/**
 * Creates a core, or in SolrCloud a collection. A core has a data folder of its own, which no core of the same name had: it is
 * its identity.
 * @param configSet a configset of the server
 * @throws UserError `CONFIGSET_MISSING` exit 2; as SolrClient.json
 */
export async function createCore(
  client: SolrClient,
  name: string,
  configSet: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await admin(
      client,
      client.isCloud
        ? { action: 'CREATE', name, numShards: '1', 'collection.configName': configSet }
        : { action: 'CREATE', name, configSet, dataDir: `data-${randomUUID()}` },
      signal,
    );
  } catch (error) {
    if (!(error instanceof SearchRefusal && /config/i.test(error.reason))) throw error;
    throw new UserError(`${client.name} cannot make the ${kindOf(client)} ${name}: ${error.reason}`, {
      code: 'CONFIGSET_MISSING',
      hint: `It needs a configset '${configSet}'. Or create ${name} by hand, and run this again.`,
      cause: error,
    });
  }
}

/**
 * Lets two cores take each other's names at once: requests to either go to the other from then on. Called again it
 * swaps them back. @throws ServiceConflict when they are not what they were; UserError in SolrCloud, which has aliases
 */
export async function swapCores(
  client: SolrClient,
  first: { readonly name: string; readonly uuid: string },
  second: { readonly name: string; readonly uuid: string },
  signal: AbortSignal,
): Promise<void> {
  if (client.isCloud)
    throw new UserError(`${client.name} swaps no collections: aliases are moved there`, {
      code: 'ENGINE_LACKS',
    });
  for (const { name, uuid } of [first, second]) {
    const there = await describeIndex(client, name, signal);
    if (there?.indices[0]?.uuid !== uuid)
      throw new ServiceConflict(`${name} at ${client.name} is not the core that it was`, {
        code: 'CORE_CHANGED',
        hint: 'Nothing was swapped.',
      });
  }
  await admin(client, { action: 'SWAP', core: first.name, other: second.name }, signal);
}

/** Points an alias of SolrCloud at a collection, in one step. @throws as SolrClient.json */
export async function pointAlias(
  client: SolrClient,
  alias: string,
  collection: string,
  signal: AbortSignal,
): Promise<void> {
  await admin(client, { action: 'CREATEALIAS', name: alias, collections: collection }, signal);
}

/** Deletes a core with its documents, or a collection. @throws as SolrClient.json */
export async function deleteCore(client: SolrClient, name: string, signal: AbortSignal): Promise<void> {
  await admin(
    client,
    client.isCloud
      ? { action: 'DELETE', name }
      : {
          action: 'UNLOAD',
          core: name,
          deleteInstanceDir: 'true',
          deleteDataDir: 'true',
          deleteIndex: 'true',
        },
    signal,
  );
}

/** Whether a collection takes writes. From the answer on no node takes any but those that it has taken. @throws as SolrClient.json */
export async function setReadOnly(
  client: SolrClient,
  collection: string,
  readOnly: boolean,
  signal: AbortSignal,
): Promise<void> {
  await admin(client, { action: 'MODIFYCOLLECTION', collection, readOnly: String(readOnly) }, signal);
}

/** Name of a collection's configset. */
export async function configSetOf(
  client: SolrClient,
  collection: string,
  signal: AbortSignal,
): Promise<string> {
  const { cluster } = await client.json<{ cluster: { collections: Record<string, { configName: string }> } }>(
    { path: '/admin/collections', query: { action: 'CLUSTERSTATUS', collection } },
    signal,
  );
  return cluster.collections[collection]!.configName;
}

/** Names of all cores, or collections. */
export async function coreNames(client: SolrClient, signal: AbortSignal): Promise<readonly string[]> {
  if (client.isCloud) {
    const query = { action: 'LIST' };
    return (await client.json<{ collections: string[] }>({ path: '/admin/collections', query }, signal))
      .collections;
  }
  const query = { action: 'STATUS', indexInfo: 'false' };
  const { status } = await client.json<{ status: object }>({ path: '/admin/cores', query }, signal);
  return Object.keys(status);
}

export function kindOf({ isCloud }: SolrClient): 'collection' | 'core' {
  return isCloud ? 'collection' : 'core';
}

async function admin(client: SolrClient, query: Record<string, string>, signal: AbortSignal): Promise<void> {
  await client.bytes({ path: client.isCloud ? '/admin/collections' : '/admin/cores', query }, signal);
}

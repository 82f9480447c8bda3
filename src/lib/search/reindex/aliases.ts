import type { ElasticClient } from '../elastic/client.js';
import { type AliasDefinition, type IndexFacts, readIndices } from './index-facts.js';

/** One action of `_aliases`. */
export type AliasAction =
  | { readonly add: { readonly index: string; readonly alias: string } & AliasDefinition }
  | { readonly remove: { readonly index: string; readonly alias: string } }
  | { readonly remove_index: { readonly index: string } };

/** Moves each alias from one index to another, as it is: filter, routing, and whether it is written through. */
export function moves(from: Pick<IndexFacts, 'name' | 'aliases'>, to: string): readonly AliasAction[] {
  return Object.entries(from.aliases).flatMap(([alias, definition]): AliasAction[] => [
    { remove: { index: from.name, alias } },
    { add: { index: to, alias, ...definition } },
  ]);
}

/** All of the actions at once, or none. */
export async function changeAliases(
  client: ElasticClient,
  actions: readonly AliasAction[],
  signal: AbortSignal,
): Promise<void> {
  await client.json({ method: 'POST', path: '/_aliases', body: { actions } }, signal);
}

/**
 * As `changeAliases`, for a change that must not be reported as failed when it was made.
 * @param made what an index has that tells so
 */
export async function changeAliasesOnce(
  client: ElasticClient,
  actions: readonly AliasAction[],
  { index, made }: { readonly index: string; readonly made: (aliases: IndexFacts['aliases']) => boolean },
  signal: AbortSignal,
): Promise<void> {
  try {
    await changeAliases(client, actions, signal);
  } catch (error) {
    // Whether it happened is not known when the answer was lost, or is that of a proxy. Why it failed says more than why we cannot look.
    const [found] = await readIndices(client, index, signal).catch(() => []);
    if (found === undefined || !made(found.aliases)) throw error;
  }
}

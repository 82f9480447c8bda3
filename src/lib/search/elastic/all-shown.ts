import { UserError } from '../../core/errors.js';

/**
 * For what is meant of whole indices: searches through an alias may see only a part of one, by its filter, or by the shards that
 * its routing chooses.
 * @param options of the alias for that index
 * @throws UserError exit 2 `SHOWS_PART`
 */
export function requireAllShown(
  alias: string,
  index: string,
  { filter, search_routing }: { readonly filter?: unknown; readonly search_routing?: unknown },
): void {
  if (filter === undefined && search_routing === undefined) return;
  throw new UserError(`the alias ${alias} shows only a part of ${index}: it has a filter or a routing`, {
    code: 'SHOWS_PART',
    hint: `Name an alias that shows all of it, or ${index}.`,
  });
}

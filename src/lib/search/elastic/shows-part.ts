/** Whether searches through an alias see only a part of an index: by its filter, or by the shards that its routing chooses. */
export function showsPart({
  filter,
  search_routing,
}: {
  readonly filter?: unknown;
  readonly search_routing?: unknown;
}): boolean {
  return filter !== undefined || search_routing !== undefined;
}

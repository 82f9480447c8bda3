import type { Clock } from '../../core/clock.js';
import { ServiceConflict } from '../../core/errors.js';
import type { ElasticClient } from '../elastic/client.js';
import { type AliasAction, changeAliasesOnce, moves } from './aliases.js';
import { fillingAlias, findDestination, pipelines } from './destination.js';
import { readIndices, type ReindexSource } from './index-facts.js';
import { markOf, type ReindexState, saveMark, saveState } from './state.js';
import { sequenceNumbers } from './sequence.js';

/**
 * Points every alias of the source at the destination, in one step. An index whose name becomes an alias is deleted in the same step:
 * its clone `old` has all of its documents.
 * @returns the name of the index that a rollback points back to
 */
export async function swap(
  client: ElasticClient,
  { asked, index, isBare }: ReindexSource,
  state: ReindexState,
  { old, clock }: { readonly old: string | undefined; readonly clock: Clock },
  signal: AbortSignal,
): Promise<string> {
  const { name: destination } = state.destination;
  const found = await findDestination(client, state, signal);
  const [source] = await readIndices(client, index.name, signal);
  if (source?.uuid !== index.uuid)
    throw new ServiceConflict(`'${index.name}' is not the index any more that was copied`, {
      code: 'SOURCE_CHANGED',
      hint: 'The alias was not moved.',
    });
  const kept = isBare ? await readClone(client, old!, signal) : { name: index.name, uuid: index.uuid };
  const { last: seqNos } = await sequenceNumbers(client, found, signal);
  // Before the swap, so that a rollback knows the way back even if nothing else happens after it.
  const mark = { ...markOf(found)!, source: kept, swapped: { at: clock.now(), seqNos } };
  await saveMark(client, destination, mark, signal);
  const body = Object.fromEntries(Object.entries(mark.later).filter(([name]) => pipelines.includes(name)));
  const path = `/${encodeURIComponent(destination)}/_settings`;
  await client.json({ method: 'PUT', path, body }, signal);
  const actions: AliasAction[] = [
    ...moves(source, destination),
    { remove: { index: destination, alias: fillingAlias(destination) } },
  ];
  if (isBare)
    actions.push(
      { remove_index: { index: index.name } },
      { add: { index: destination, alias: asked, is_write_index: true } },
    );
  // The private alias goes in the same step.
  const made = (aliases: object) => !(fillingAlias(destination) in aliases);
  await changeAliasesOnce(client, actions, { index: destination, made }, signal);
  await saveState(client, kept.name, undefined, signal);
  return kept.name;
}

/** A copy of a frozen index under another name, which shares its files. */
export async function cloneFrozen(
  client: ElasticClient,
  index: string,
  clone: string,
  signal: AbortSignal,
): Promise<void> {
  await client.json(
    {
      method: 'PUT',
      path: `/${encodeURIComponent(index)}/_clone/${encodeURIComponent(clone)}`,
      body: { settings: { 'index.blocks.write': true } },
    },
    signal,
  );
}

/** Of a swap that did not happen. */
export async function removeClone(client: ElasticClient, clone: string, signal: AbortSignal): Promise<void> {
  await client.json({ method: 'DELETE', path: `/${encodeURIComponent(clone)}`, expected: [404] }, signal);
}

async function readClone(client: ElasticClient, clone: string, signal: AbortSignal) {
  const [found] = await readIndices(client, clone, signal);
  if (found === undefined)
    throw new ServiceConflict(`'${clone}', which keeps the old documents, is gone`, {
      code: 'SOURCE_CHANGED',
    });
  return { name: found.name, uuid: found.uuid };
}

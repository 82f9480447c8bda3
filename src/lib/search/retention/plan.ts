import { formatCount } from '../../core/units.js';
import { monthEnd } from '../age.js';
import type { ElasticClient } from '../elastic/client.js';
import { indexMissing } from '../index-missing.js';
import { type Held, type HeldIndex, readNamed } from '../setup/holdings.js';
import { type Ages, agesOf } from './ages.js';
import { timeFieldOf } from './time-field.js';

/** What has become too old under one name. */
export interface RetentionPlan {
  readonly name: string;
  readonly timeField: string;
  /** What is older goes. */
  readonly limit: Date;
  /** Whole indices, oldest first. */
  readonly indices: readonly OldIndex[];
  /** Why other indices with documents that are too old stay. */
  readonly kept: readonly { readonly index: string; readonly reason: string }[];
  /** Documents that are too old, in indices of a time series that are not: they stay. */
  readonly late: number;
  /** The one index whose documents go one by one; undefined for a time series. */
  readonly documents: { readonly index: string; readonly count: number } | undefined;
}

export interface OldIndex {
  readonly index: string;
  readonly uuid: string;
  readonly documents: number;
  /** Undefined: it is empty. */
  readonly newest: Date | undefined;
}

/**
 * Of a time series whole indices go, each once its month and its newest document are too old. Of a single index its
 * documents go. Changes nothing but that what was written becomes visible.
 * @param timeField by which documents age, where it is given
 * @throws UserError exit 2 `INDEX_MISSING`, `TIME_FIELD_UNCLEAR`; IncompleteScan; as ElasticClient.json
 */
export async function planRetention(
  client: ElasticClient,
  name: string,
  limit: Date,
  timeField: string | undefined,
  signal: AbortSignal,
): Promise<RetentionPlan> {
  const held = await readNamed(client, name, { dataStreams: true }, signal);
  if (held === undefined) throw indexMissing(client.name, name);
  const field = timeFieldOf(name, held, timeField);
  await client.bytes({ method: 'POST', path: `/${encodeURIComponent(name)}/_refresh` }, signal);
  const plan = { name, timeField: field, limit };
  if (!isSeries(held)) {
    const [index] = held.indices;
    const { older } = await agesOf(client, index!.name, field, limit, signal);
    return { ...plan, indices: [], kept: [], late: 0, documents: { index: index!.name, count: older } };
  }
  const indices: OldIndex[] = [];
  const kept: { index: string; reason: string }[] = [];
  let late = 0;
  for (const index of held.indices) {
    const ages = await agesOf(client, index.name, field, limit, signal);
    if (!isOld(index.name, ages, limit)) {
      late += ages.older;
      continue;
    }
    const reason = (await needed(client, name, index, held, signal)) ?? untimed(ages, field);
    if (reason === undefined) indices.push({ index: index.name, uuid: uuidOf(index), ...ages });
    else kept.push({ index: index.name, reason });
  }
  indices.sort((a, b) => Number(a.newest ?? 0) - Number(b.newest ?? 0));
  return { ...plan, indices, kept, late, documents: undefined };
}

function isSeries({ is, indices }: Held): boolean {
  return is === 'data-stream' || indices.length > 1 || monthEnd(indices[0]!.name) !== undefined;
}

/** Its month counts, and its newest document: what came late stays as long as everything else. */
function isOld(index: string, { documents, newest }: Ages, limit: Date): boolean {
  const end = monthEnd(index);
  if (end !== undefined && end > limit) return false;
  if (newest !== undefined) return newest < limit;
  return documents > 0 || end !== undefined;
}

function untimed({ documents, timed }: Ages, field: string): string | undefined {
  const without = documents - timed;
  return without === 0
    ? undefined
    : `${formatCount(without)} of its documents ${without === 1 ? 'has' : 'have'} no ${field}`;
}

/** Why an index must stay however old it is. */
async function needed(
  client: ElasticClient,
  name: string,
  index: HeldIndex,
  { is, indices, writeIndex }: Held,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (index.name === writeIndex?.name) return `what is written to ${name} goes there`;
  if (indices.length === 1) return `it is the only index of ${name}`;
  if (is === 'alias' && writeIndex === undefined && index === indices.at(-1))
    return `it is the last index of ${name}`;
  for (const [alias, { is_write_index }] of Object.entries(index.aliases)) {
    if (is_write_index === true) return `what is written to ${alias} goes there`;
    if (alias === name) continue;
    const others = await client.json<Record<string, unknown>>(
      { path: `/_alias/${encodeURIComponent(alias)}` },
      signal,
    );
    if (Object.keys(others).length === 1) return `it is the only index of the alias ${alias}`;
  }
  return undefined;
}

function uuidOf({ settings }: HeldIndex): string {
  return (settings as { index?: { uuid?: string } }).index?.uuid ?? '';
}

import { UserError } from '../../core/errors.js';
import { formatCount } from '../../core/units.js';
import { monthEnd } from '../age.js';
import type { ElasticClient } from '../elastic/client.js';
import type { Held, HeldIndex } from '../setup/holdings.js';
import type { Ages } from './ages.js';
import { type Asked, readAsked } from './asked.js';
import { Remaining } from './remaining.js';

/** What has become too old under one name. */
export interface RetentionPlan {
  readonly name: string;
  readonly timeField: string;
  /** What is older goes. */
  readonly limit: Date;
  /** Whole indices, oldest first. */
  readonly indices: readonly OldIndex[];
  /** Why others, with documents that are too old, stay. */
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

/** By name of an index, alias or data stream: what is older goes. */
export type Limits = ReadonlyMap<string, Date>;

export interface RetentionRequest {
  readonly limits: Limits;
  /** As the configuration has them: an index stays as long as any of its other names. */
  readonly configured: Limits;
  /** By which documents age, where it is given. */
  readonly timeField: string | undefined;
}

/**
 * Of a time series whole indices go, each once its month and its newest document are too old. Of a single index its
 * documents go. Changes nothing but that what was written becomes visible.
 * @throws UserError exit 2 `INDEX_MISSING`, `NOT_A_NAME`, `SHOWS_PART`, `TIME_FIELD_UNCLEAR`; IncompleteScan; as
 * ElasticClient.json
 */
export async function planRetention(
  client: ElasticClient,
  request: RetentionRequest,
  signal: AbortSignal,
): Promise<readonly RetentionPlan[]> {
  const remaining = new Remaining(client);
  const plans: RetentionPlan[] = [];
  for (const [name, limit] of request.limits) {
    const asked = await readAsked(client, name, limit, request.timeField, signal);
    plans.push(
      isSeries(asked.held)
        ? await planIndices(asked, remaining, request.configured, signal)
        : planDocuments(asked, request.configured),
    );
  }
  return plans;
}

function isSeries({ is, indices }: Held): boolean {
  return is === 'data-stream' || indices.length > 1 || monthEnd(indices[0]!.name) !== undefined;
}

function planDocuments({ held: _, found, ...plan }: Asked, configured: Limits): RetentionPlan {
  const { name, timeField, limit } = plan;
  const { index, ages } = found[0]!;
  if (ages.documents > 0 && ages.timed === 0)
    throw new UserError(`none of the documents of ${name} has ${timeField}`, {
      code: 'TIME_FIELD_UNCLEAR',
      hint: 'Say by which field documents age: --time-field FIELD.',
    });
  const longer = otherNames(index, name).find((other) => (configured.get(other) ?? limit) < limit);
  const isKept = longer !== undefined && ages.older > 0;
  return {
    ...plan,
    indices: [],
    kept: isKept ? [{ index: index.name, reason: keptLonger(longer) }] : [],
    late: 0,
    documents: { index: index.name, count: isKept ? 0 : ages.older },
  };
}

async function planIndices(
  { held, found, ...plan }: Asked,
  remaining: Remaining,
  configured: Limits,
  signal: AbortSignal,
): Promise<RetentionPlan> {
  const { name, timeField, limit } = plan;
  remaining.know(
    name,
    held.indices.map((index) => index.name),
  );
  const isTooOld = ({ index, ages }: Asked['found'][number]) => isOld(index.name, ages, limit);
  const late = found.reduce((sum, one) => (isTooOld(one) ? sum : sum + one.ages.older), 0);
  const old = found
    .filter((one) => isTooOld(one) && !remaining.isGone(one.index.name))
    .sort((a, b) => Number(a.ages.newest ?? 0) - Number(b.ages.newest ?? 0));
  const indices: OldIndex[] = [];
  const kept: { index: string; reason: string }[] = [];
  for (const { index, ages } of old) {
    const names = otherNames(index, name);
    const longer = names.find((other) => !isOld(index.name, ages, configured.get(other) ?? limit));
    const reason =
      written(index, name, held) ??
      (longer === undefined ? untimed(ages, timeField) : keptLonger(longer)) ??
      last(await remaining.take(index.name, [name, ...aliasesOf(index, name)], signal));
    if (reason === undefined) indices.push({ index: index.name, uuid: uuidOf(index), ...ages });
    else kept.push({ index: index.name, reason });
  }
  return { ...plan, indices, kept, late, documents: undefined };
}

/** Beside the one that was asked for. */
function aliasesOf({ aliases }: HeldIndex, name: string): string[] {
  return Object.keys(aliases).filter((other) => other !== name);
}

function otherNames(index: HeldIndex, name: string): string[] {
  const { data_stream: stream = name } = index;
  return [index.name, stream, ...Object.keys(index.aliases)].filter((other) => other !== name);
}

/** Its month counts, and its newest document: what came late stays as long as everything else. */
function isOld(index: string, { documents, newest }: Ages, limit: Date): boolean {
  const end = monthEnd(index);
  if (end !== undefined && end > limit) return false;
  if (newest !== undefined) return newest < limit;
  return documents > 0 || end !== undefined;
}

// Why an index must stay however old it is.

function written(index: HeldIndex, name: string, { writeIndex }: Held): string | undefined {
  const aliases = Object.entries(index.aliases).filter(([, { is_write_index }]) => is_write_index === true);
  const alias = index.name === writeIndex?.name ? name : aliases[0]?.[0];
  return alias === undefined ? undefined : `what is written to ${alias} goes there`;
}

function keptLonger(name: string): string {
  return `the configuration keeps ${name} longer`;
}

function untimed({ documents, timed }: Ages, field: string): string | undefined {
  const without = documents - timed;
  return without === 0
    ? undefined
    : `${formatCount(without)} of its documents ${without === 1 ? 'has' : 'have'} no ${field}`;
}

function last(name: string | undefined): string | undefined {
  return name === undefined ? undefined : `it would be the last index of ${name}`;
}

function uuidOf({ settings }: HeldIndex): string {
  return (settings as { index?: { uuid?: string } }).index?.uuid ?? '';
}

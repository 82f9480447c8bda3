import { errorText, SearchRefusal } from '../../clients/search/refusal.js';
import { bytesOf, toBytes } from '../../core/bytes.js';
import type { HttpAnswer } from '../../http/client.js';
import { HttpFailure } from '../../http/failure.js';
import { retryAfterMs } from '../../http/retry-after.js';
import { jsonString } from '../../sources/json-text.js';
import {
  BulkBusy,
  BulkSpoiled,
  BulkTooLarge,
  done,
  type Operation,
  type Outcome,
  type WriteTarget,
} from '../engine.js';
import type { ElasticClient } from './client.js';
import { holdersOf } from './read.js';

/** Of the whole request. */
const passing = new Set([429, 502, 503, 504]);

/** An operation, and the index that it goes to where that is not for the server to choose. */
interface Placed extends Operation {
  readonly holder?: string | undefined;
}

/** One `_bulk` request. @throws as SearchEngine.bulk */
export async function bulk(
  client: ElasticClient,
  target: WriteTarget,
  operations: readonly Operation[],
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  return exceptRefused(operations, whyUnfit, async (fit) =>
    exceptRefused(
      target.maySpan ? await place(client, target.index, fit, signal) : fit,
      whyThere,
      (placed: readonly Placed[]) => send(client, target, placed, signal),
    ),
  );
}

/** The outcomes of those that are sent, and of those that need not be. */
async function exceptRefused<T>(
  operations: readonly T[],
  why: (operation: T) => Outcome | undefined,
  send: (operations: readonly T[]) => Promise<readonly Outcome[]>,
): Promise<readonly Outcome[]> {
  const refused = operations.map(why);
  const sendable = operations.filter((_, i) => refused[i] === undefined);
  const outcomes = sendable.length === 0 ? [] : await send(sendable);
  let next = 0;
  return refused.map((outcome) => outcome ?? outcomes[next++]!);
}

/** A rollover makes an alias or data stream write to a new index, which knows nothing of the documents in the others. */
async function place(
  client: ElasticClient,
  name: string,
  operations: readonly Operation[],
  signal: AbortSignal,
): Promise<readonly Placed[]> {
  try {
    const holders = await holdersOf(client, name, operations, signal);
    return holders === undefined
      ? operations
      : operations.map((operation, i) => ({ ...operation, holder: holders[i] }));
  } catch (error) {
    // 404: an index that has been deleted since it was named.
    if (error instanceof SearchRefusal && (passing.has(error.status) || error.status === 404))
      throw new BulkBusy(error.status, error.reason, undefined);
    throw error;
  }
}

/** The server would refuse the whole request. */
function whyUnfit({ id }: Operation): Outcome | undefined {
  return id.length > 0 && id.length <= maxIdBytes ? undefined : badId;
}

function whyThere({ kind, holder }: Placed): Outcome | undefined {
  if (kind !== 'create' || holder === undefined) return undefined;
  const reason = `version_conflict_engine_exception: the document is in ${holder} already`;
  return { kind: 'rejected', status: 409, reason };
}

const maxIdBytes = 512;
const badId: Outcome = {
  kind: 'rejected',
  status: 400,
  reason: `the id is empty or longer than ${maxIdBytes} bytes`,
};

async function send(
  client: ElasticClient,
  { index, requireAlias }: WriteTarget,
  operations: readonly Placed[],
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const answer = await client.send(
    {
      method: 'POST',
      path: `/${encodeURIComponent(index)}/_bulk`,
      query: {
        require_alias: requireAlias ? 'true' : undefined,
        // Nothing else of the answer is read, and it is as long as the request otherwise.
        filter_path: 'errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by',
      },
      contentType: 'application/x-ndjson',
      body: bulkBody(operations),
    },
    signal,
  );
  if (answer.status >= 400) return refusedWhole(client, answer, operations.length);
  return outcomesOf(client, answer, operations);
}

/** NDJSON: an action a line, followed by its document. Joined a few lines at a time: one long string would be twice the work. */
export function bulkBody(operations: readonly Placed[]): Buffer {
  const blocks: string[] = [];
  let lines: string[] = [];
  let length = 0;
  const join = () => {
    const block = lines.join('');
    length += block.length;
    blocks.push(block);
    lines = [];
  };
  for (const operation of operations) {
    lines.push(actionOf(operation), '\n');
    if (operation.kind === 'update') lines.push('{"doc":', oneLine(operation.source!), '}\n');
    else if (operation.kind !== 'delete') lines.push(oneLine(operation.source!), '\n');
    if (lines.length >= 256) join();
  }
  join();
  const body = Buffer.allocUnsafe(length);
  let at = 0;
  for (const block of blocks) at += body.write(block, at, 'latin1');
  return body;
}

function actionOf({ kind, id, routing, version, ifRevision, holder }: Placed): string {
  let action = `{"${kind}":{"_id":${jsonString(id)}`;
  // It is no alias, whatever is required of the name.
  if (holder !== undefined) action += `,"_index":${jsonString(toBytes(holder))},"require_alias":false`;
  if (routing !== undefined) action += `,"routing":${jsonString(routing)}`;
  if (version !== undefined) action += `,"version":${version},"version_type":"external"`;
  if (ifRevision !== undefined) action += `,${ifRevision}`;
  // Of somebody who changes the document at the same time; the server reads it again at once.
  else if (kind === 'update') action += ',"retry_on_conflict":3';
  return `${action}}}`;
}

/** Of JSON, line breaks are white space: those in texts are escaped. */
function oneLine(json: string): string {
  return json.includes('\n') ? json.replace(/[\r\n]+/g, ' ') : json;
}

/** @throws BulkTooLarge; BulkSpoiled; BulkBusy; SearchRefusal */
function refusedWhole(client: ElasticClient, answer: HttpAnswer, count: number): readonly Outcome[] {
  const { status, headers } = answer;
  if (status === 413) throw new BulkTooLarge();
  const refusal = client.refusal(answer);
  const { type, reason } = refusal;
  // The block is the cluster's; while there is no master it is one as well, and passes.
  if (type === blockType && status !== 503)
    return new Array<Outcome>(count).fill({ kind: 'blocked', reason: `${type}: ${reason}` });
  if (passing.has(status))
    throw new BulkBusy(status, reason, retryAfterMs(headers['retry-after'], Date.now()));
  // The members of an update are parsed before anything is carried out: a name that stands twice, a number of 1,001 digits.
  if (status === 400 && type !== 'invalid_index_name_exception')
    throw new BulkSpoiled(status, `${type}: ${reason}`.replace(/^: /, ''));
  throw refusal;
}

interface Answer {
  readonly items?: readonly Record<
    string,
    { readonly status: number; readonly error?: ItemError } | undefined
  >[];
}

interface ItemError {
  readonly type?: string;
  readonly reason?: string;
}

/** @throws HttpFailure when it is not an answer to these operations; SearchRefusal when none of them can be carried out */
function outcomesOf(
  client: ElasticClient,
  { body }: HttpAnswer,
  operations: readonly Operation[],
): readonly Outcome[] {
  if (isAllDone(body, operations.length)) return new Array<Outcome>(operations.length).fill(done);
  const { items } = parsed(body);
  if (items?.length !== operations.length)
    throw new HttpFailure(
      client.name,
      'malformed',
      'body',
      `it answered ${items?.length ?? 'none'} of ${operations.length} operations of a bulk`,
    );
  return items.map((item, i) => {
    const { status, error } = Object.values(item)[0]!;
    if (error !== undefined) return refusedItem(client, operations[i]!, status, error);
    // A delete that finds nothing has no error.
    return status < 300 ? done : { kind: 'rejected', status, reason: missing };
  });
}

const missing = 'document_missing_exception: there is no document of this id';

/** Seen without making objects of it: no error, and as many good statuses as operations. */
function isAllDone(body: Buffer, count: number): boolean {
  if (!body.subarray(0, 64).includes('"errors":false')) return false;
  const text = bytesOf(body);
  let good = 0;
  for (let at = text.indexOf(goodStatus); at >= 0; at = text.indexOf(goodStatus, at + 1)) good++;
  return good === count;
}

const goodStatus = '"status":2';

function parsed(body: Buffer): Answer {
  try {
    return JSON.parse(body.toString('utf8')) as Answer;
  } catch {
    return {};
  }
}

const blockType = 'cluster_block_exception';

const passingTypes = new Set([
  'es_rejected_execution_exception',
  'rejected_execution_exception',
  'unavailable_shards_exception',
  'process_cluster_event_timeout_exception',
  'circuit_breaking_exception',
  'node_not_connected_exception',
  'node_closed_exception',
  'no_shard_available_action_exception',
  'primary_missing_action_exception',
]);

/** What is wrong is the index, and not the document: every other one would meet the same. */
const fatalTypes = new Set([
  'index_not_found_exception',
  'index_closed_exception',
  'invalid_index_name_exception',
  'security_exception',
]);

function refusedItem(
  client: ElasticClient,
  { kind, version }: Operation,
  status: number,
  error: ItemError,
): Outcome {
  const { type = '' } = error;
  const said = errorText(error)?.reason ?? `HTTP ${status}`;
  if (fatalTypes.has(type)) throw new SearchRefusal(client.name, status, type, said);
  const reason = type === '' ? said : `${type}: ${said}`;
  // Elasticsearch before 7.7 says 403, others 429; a block that somebody set by hand stays until somebody lifts it.
  if (type === blockType) return { kind: 'blocked', reason };
  if (passing.has(status) || passingTypes.has(type)) return { kind: 'again', reason };
  // Without a version of ours it is about another writer at the same moment.
  if (status === 409 && kind === 'update' && version === undefined) return { kind: 'again', reason };
  return { kind: 'rejected', status, reason };
}

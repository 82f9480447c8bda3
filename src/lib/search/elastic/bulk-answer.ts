import { errorText, passingStatuses, SearchRefusal } from '../../clients/search/refusal.js';
import { bytesOf } from '../../core/bytes.js';
import type { HttpAnswer } from '../../http/client.js';
import { HttpFailure } from '../../http/failure.js';
import { retryAfterMs } from '../../http/retry-after.js';
import { BulkBusy, BulkSpoiled, BulkTooLarge, done, type Operation, type Outcome } from '../engine.js';
import type { ElasticClient } from './client.js';

/** @throws BulkTooLarge; BulkSpoiled; BulkBusy; SearchRefusal */
export function refusedWhole(client: ElasticClient, answer: HttpAnswer, count: number): readonly Outcome[] {
  const { status, headers } = answer;
  if (status === 413) throw new BulkTooLarge();
  const refusal = client.refusal(answer);
  const { type, reason } = refusal;
  // The block is the cluster's; while there is no master it is one as well, and passes.
  if (type === blockType && status !== 503)
    return new Array<Outcome>(count).fill({ kind: 'blocked', reason: `${type}: ${reason}` });
  if (passingStatuses.has(status))
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
export function outcomesOf(
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
  if (passingStatuses.has(status) || passingTypes.has(type)) return { kind: 'again', reason };
  // Without a version of ours it is about another writer at the same moment.
  if (status === 409 && kind === 'update' && version === undefined) return { kind: 'again', reason };
  return { kind: 'rejected', status, reason };
}

import { errorText, refusalText, SearchRefusal } from '../../clients/search/refusal.js';
import { ServiceUnavailable } from '../../core/errors.js';
import type { HttpAnswer } from '../../http/client.js';
import { retryAfterMs } from '../../http/retry-after.js';
import { jsonString } from '../../sources/json-text.js';
import { BulkBusy, BulkTooLarge, done, type Operation, type Outcome, type WriteTarget } from '../engine.js';
import type { ElasticClient } from './client.js';

/** Of the whole request. */
const passing = new Set([429, 502, 503, 504]);

/** One `_bulk` request. @throws as SearchEngine.bulk */
export async function bulk(
  client: ElasticClient,
  { index, requireAlias }: WriteTarget,
  operations: readonly Operation[],
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
      body: Buffer.from(bulkBody(operations), 'latin1'),
    },
    signal,
  );
  if (answer.status >= 400) throw refusedWhole(client, answer);
  return outcomesOf(client, answer, operations.length);
}

/** Bytes: NDJSON, one action and its document a line. */
export function bulkBody(operations: readonly Operation[]): string {
  const lines: string[] = [];
  for (const { kind, id, routing, version, source } of operations) {
    let action = `{"${kind}":{"_id":${jsonString(id)}`;
    if (routing !== undefined) action += `,"routing":${jsonString(routing)}`;
    if (version !== undefined) action += `,"version":${version},"version_type":"external"`;
    lines.push(`${action}}}`);
    if (kind === 'update') lines.push(`{"doc":${source}}`);
    else if (kind !== 'delete') lines.push(source!);
  }
  lines.push('');
  return lines.join('\n');
}

function refusedWhole(client: ElasticClient, answer: HttpAnswer): Error {
  const { status, headers } = answer;
  if (status === 413) return new BulkTooLarge();
  const { type, reason } = refusalText(answer);
  // OpenSearch and Elasticsearch say 413 with a status of their own where a circuit breaker or a limit of HTTP is met.
  if (passing.has(status))
    return new BulkBusy(status, reason, retryAfterMs(headers['retry-after'], Date.now()));
  return new SearchRefusal(client.name, status, type, reason);
}

interface Answer {
  readonly errors?: boolean;
  readonly items?: readonly Record<
    string,
    { readonly status: number; readonly error?: ItemError } | undefined
  >[];
}

interface ItemError {
  readonly type?: string;
  readonly reason?: string;
}

function outcomesOf(client: ElasticClient, { body }: HttpAnswer, count: number): readonly Outcome[] {
  let answer: Answer;
  try {
    answer = JSON.parse(body.toString('utf8')) as Answer;
  } catch {
    answer = {};
  }
  if (answer.items?.length !== count)
    throw new ServiceUnavailable(
      `${client.name} answered ${answer.items?.length ?? 'nothing of'} of ${count} operations of a bulk`,
      { code: 'BULK_ANSWER' },
    );
  return answer.items.map((item) => {
    const { status, error } = Object.values(item)[0]!;
    if (error === undefined && status < 300) return done;
    return refusedItem(status, error);
  });
}

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

function refusedItem(status: number, error: ItemError | undefined): Outcome {
  const said = errorText(error);
  const reason =
    said === undefined ? `HTTP ${status}` : `${error?.type ?? ''}: ${said.reason}`.replace(/^: /, '');
  if (error?.type === 'cluster_block_exception') {
    // Elasticsearch before 7.7 says 403, others 429; a block that somebody set by hand stays until somebody lifts it.
    return { kind: 'blocked', reason };
  }
  if (passing.has(status) || passingTypes.has(error?.type ?? '')) return { kind: 'again', reason };
  return { kind: 'rejected', status, reason };
}

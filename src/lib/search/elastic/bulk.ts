import { passingStatuses, SearchRefusal } from '../../clients/search/refusal.js';
import { toBytes } from '../../core/bytes.js';
import { jsonString } from '../../sources/json-text.js';
import { BulkBusy, type Operation, type Outcome, type WriteTarget } from '../engine.js';
import { outcomesOf, refusedWhole } from './bulk-answer.js';
import type { ElasticClient } from './client.js';
import { holdersOf } from './read.js';

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
    if (error instanceof SearchRefusal && (passingStatuses.has(error.status) || error.status === 404))
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

import { withGrace, graceMs } from '../../core/abort.js';
import type { Clock } from '../../core/clock.js';
import type { ElasticClient } from '../elastic/client.js';
import type { Patience } from './patience.js';

export interface ServerCopy {
  readonly source: string;
  /** An alias. */
  readonly destination: string;
  /** In the server's lists of tasks. */
  readonly opaqueId: string;
}

export interface ServerCopyIo {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly patience: Patience;
  readonly seen: (documents: number, total: number) => void;
}

/**
 * How a task of the server ended. `failed`: the first document that the mapping does not take ends it. `gone`: its node
 * was stopped. `stalled`: it did not move on for too long, and was cancelled.
 */
export type ServerCopyEnd =
  { readonly kind: 'copied' } | { readonly kind: 'failed' | 'gone' | 'stalled'; readonly reason: string };

/** Starts `_reindex` on the server, which keeps the documents' versions. Undefined where the server does not have it. */
export async function startServerCopy(
  client: ElasticClient,
  { source, destination, opaqueId }: ServerCopy,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { task } = await client.json<{ task?: string }>(
    {
      method: 'POST',
      path: '/_reindex',
      // A destination that was deleted is not created again: as an alias it is gone.
      query: { wait_for_completion: 'false', slices: 'auto', require_alias: 'true' },
      opaqueId,
      body: {
        conflicts: 'proceed',
        source: { index: source, size: 2000 },
        dest: { index: destination, version_type: 'external' },
      },
      expected: [404, 405],
    },
    signal,
  );
  return task;
}

interface Task {
  readonly completed?: boolean;
  readonly task?: { readonly status?: Status };
  readonly response?: Status & {
    readonly canceled?: string;
    readonly failures?: readonly { readonly cause?: { readonly reason?: string } }[];
  };
  readonly error?: { readonly reason?: string };
}

interface Status {
  readonly total: number;
  readonly created: number;
  readonly updated: number;
  readonly version_conflicts: number;
}

const firstPauseMs = 100;
const longestPauseMs = 2000;

/** Waits for a task. When we are stopped, or it does not move on for `stallMs`, it is cancelled. */
export async function followServerCopy(
  client: ElasticClient,
  task: string,
  stallMs: number,
  { clock, signal, patience, seen }: ServerCopyIo,
): Promise<ServerCopyEnd> {
  let [done, movedAt] = [-1, clock.monotonic()];
  try {
    for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(longestPauseMs, pauseMs * 2)) {
      const found = await patience.retry(() => readTask(client, task, signal), signal);
      if (found === undefined) return { kind: 'gone', reason: 'the task is gone: its node was stopped' };
      if (found.completed) return endOf(found);
      const { total = 0, created = 0, updated = 0, version_conflicts = 0 } = found.task?.status ?? {};
      const now = created + updated + version_conflicts;
      if (now !== done) [done, movedAt] = [now, clock.monotonic()];
      if (clock.monotonic() - movedAt > stallMs) {
        await cancelTask(client, task, signal);
        return { kind: 'stalled', reason: `the task stood still at ${now} of ${total} documents` };
      }
      seen(now, total);
      await clock.sleep(pauseMs, signal);
    }
  } catch (error) {
    // It would write on after we are gone; that it cannot be reached is what is being thrown already.
    if (signal.aborted) await cancelTask(client, task, withGrace(signal, graceMs)).catch(() => {});
    throw error;
  }
}

async function readTask(client: ElasticClient, task: string, signal: AbortSignal): Promise<Task | undefined> {
  const found = await client.json<Task & { readonly status?: number }>(
    { path: `/_tasks/${encodeURIComponent(task)}`, expected: [404] },
    signal,
  );
  return found.status === 404 ? undefined : found;
}

function endOf({ response, error }: Task): ServerCopyEnd {
  if (error !== undefined) return { kind: 'failed', reason: error.reason ?? 'the task failed' };
  const [failure] = response?.failures ?? [];
  if (failure !== undefined) return { kind: 'failed', reason: failure.cause?.reason ?? 'a document failed' };
  if (response?.canceled !== undefined)
    return { kind: 'stalled', reason: `the task was cancelled: ${response.canceled}` };
  return { kind: 'copied' };
}

/** Resolves when the task writes no more; one that has ended, or is gone with its node, is no error. */
export async function cancelTask(client: ElasticClient, task: string, signal: AbortSignal): Promise<void> {
  await client.json(
    {
      method: 'POST',
      path: `/_tasks/${encodeURIComponent(task)}/_cancel`,
      query: { wait_for_completion: 'true' },
      expected: [400, 404],
    },
    signal,
  );
}

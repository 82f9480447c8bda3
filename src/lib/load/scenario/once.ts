import { systemClock } from '../../core/clock.js';
import { openTransport } from '../open-transport.js';
import type { PreparedRequest, Target } from '../job.js';
import { seededRandom } from '../random.js';
import type { FailureKind } from '../tally.js';
import type { Answer, Exchange, Transport, TransportOptions } from '../transport.js';
import type { Checks } from '../workload.js';
import { type Feed, FeedReader } from './feed.js';
import type { TaskPlan } from './plan.js';
import { TaskRun } from './task-run.js';

/** Node's timers take no more: 24 days. */
const longestMs = 2 ** 31 - 1;

export interface CheckRecord {
  readonly name: string;
  readonly passed: boolean;
  /** Why it failed, or what was captured. */
  readonly detail?: string;
}

/** A request of a pass, and what came of it. */
export interface StepRecord {
  readonly request: PreparedRequest;
  readonly answer?: {
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    readonly body: Buffer;
  };
  /** Why there is no answer. */
  readonly failure?: FailureKind;
  /** From the send to the end of the answer. */
  readonly latencyMs: number;
  readonly checks: readonly CheckRecord[];
  /** Whether it was answered as expected, and every check passed. */
  readonly ok: boolean;
}

export interface OnceOptions {
  readonly targets: readonly Target[];
  readonly feeds: readonly Feed[];
  readonly transport: TransportOptions;
  /** Pauses, and those of Retry-After, are made; otherwise the next request follows at once. */
  readonly pauses: boolean;
  /** Nothing follows a step that is not ok. */
  readonly stopsAtFailure: boolean;
}

export interface OnceResult {
  readonly steps: readonly StepRecord[];
  readonly captured: Readonly<Record<string, string>>;
}

/**
 * Carries out one pass of a task in this thread.
 * @throws the signal's reason
 */
export async function runOnce(
  task: TaskPlan,
  { targets, feeds, transport, pauses, stopsAtFailure }: OnceOptions,
  signal: AbortSignal,
): Promise<OnceResult> {
  const random = seededRandom(0);
  const readers = feeds.map((feed) => new FeedReader(feed, random));
  const rows = new Map(task.feeds.map((feed) => [feed, readers[feed]!.take() ?? 0]));
  const counts = { begun: 0, endedEarly: 0, retryAfterObeyed: 0 };
  const run = new TaskRun(task, rows, { feeds: readers, random, counts });
  const pools = targets.map((target) => openTransport(target, transport));
  const sweep = setInterval(() => pools.forEach((pool) => pool.sweep(performance.now())), 50);
  const steps: StepRecord[] = [];
  try {
    for (let next = run.next(); next !== undefined; next = run.next()) {
      signal.throwIfAborted();
      if (typeof next === 'number') {
        if (pauses) await systemClock.sleep(Math.min(next, longestMs), signal);
        continue;
      }
      const again = counts.retryAfterObeyed;
      const record = await send({ ...next, readsBody: true }, run, pools[next.target]!, signal);
      steps.push(record);
      if (counts.retryAfterObeyed > again) {
        // Without pauses there is one pass, and no request comes twice.
        if (!pauses) break;
      } else if (stopsAtFailure && !record.ok) break;
    }
  } finally {
    clearInterval(sweep);
    for (const pool of pools) pool.close(performance.now());
  }
  return { steps, captured: Object.fromEntries(run.allCaptured) };
}

function send(
  request: PreparedRequest,
  run: TaskRun,
  pool: Transport,
  signal: AbortSignal,
): Promise<StepRecord> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason as Error);
    signal.addEventListener('abort', stop, { once: true });
    const checks: CheckRecord[] = [];
    const recorder: Checks = {
      check: (name, passed, detail) =>
        void checks.push({ name, passed, ...(detail !== undefined && { detail }) }),
    };
    let sentAt = performance.now();
    const end = (now: number, rest: Pick<StepRecord, 'answer' | 'failure'>, isExpected: boolean) => {
      signal.removeEventListener('abort', stop);
      const ok = isExpected && checks.every(({ passed }) => passed);
      resolve({ request, latencyMs: now - sentAt, checks, ok, ...rest });
    };
    const exchange: Exchange = {
      request,
      sent: (now) => void (sentAt = now),
      answered(answer: Answer, now) {
        const { status, headers, body } = answer;
        const record = { status, headers: Object.fromEntries(headers), body: body ?? Buffer.alloc(0) };
        run.read(answer, now - sentAt, recorder);
        end(now, { answer: record }, request.expected?.includes(status) ?? status < 400);
      },
      failed(failure, now) {
        run.lost(recorder);
        end(now, { failure }, false);
      },
      abandoned: () => undefined,
    };
    pool.send(exchange);
  });
}

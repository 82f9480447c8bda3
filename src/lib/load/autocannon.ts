import { UserError } from '../core/errors.js';
import type { Progress } from '../core/progress.js';
import { Accounts } from './accounts.js';
import type { LoadPlan, LoadTally } from './generator.js';
import type { PreparedRequest } from './job.js';
import { type FailureKind, latenciesOpener, NameTally } from './tally.js';
import { Timeline } from './timeline.js';

const lagEveryMs = 20;

/** Failures by the code of autocannon's errors; its time-outs have none. */
const kinds: Readonly<Record<string, FailureKind>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ENOTFOUND: 'dns',
  EAI_AGAIN: 'dns',
  ENETUNREACH: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ETIMEDOUT: 'connect-timeout',
};

/**
 * Generates the load of a closed loop of one request with autocannon, in this thread, and counts as our own engine does. Where
 * autocannon says nothing: a request whose connection the server closed is one that was sent, and neither answered, failed nor
 * under way at the end. It has no drain: what is under way at the end is incomplete.
 * @throws UserError where it would do something else than the plan says
 */
export async function generateWithAutocannon(
  plan: LoadPlan,
  signal: AbortSignal,
  progress: Progress,
): Promise<LoadTally> {
  const { arrivals, workload, targets, timeoutMs, durationMs = 0 } = plan;
  const [only, ...others] = 'requests' in workload ? workload.requests : [];
  if (arrivals.loop !== 'closed' || only === undefined || others.length > 0)
    throw new UserError('autocannon runs closed loops of one URL', {
      hint: 'Give --connections without --rate and --stages, or leave --engine out.',
    });
  const { request } = only;
  const target = targets[request.target]!;
  if (target.tls?.verify)
    throw new UserError('autocannon does not verify certificates', {
      hint: 'Leave --engine out for https.',
    });
  if (timeoutMs < 1000)
    throw new UserError('autocannon has no time-out below 1s', {
      hint: 'Give --request-timeout 1s or more.',
    });
  const { default: autocannon } = await import('autocannon');
  const open = await latenciesOpener();
  const lag = open();
  const origin = performance.timeOrigin + performance.now();
  const begin = performance.now();
  const started = performance.eventLoopUtilization();
  const accounts = new Accounts(open, { begin, isClosedLoop: true, names: [], watch: [] });
  const connections = new Map<unknown, number>();

  const ended = new Promise<number>((resolve, reject) => {
    const run = autocannon(
      {
        url: urlOf(request, target),
        connections: arrivals.users,
        duration: durationMs / 1000,
        timeout: timeoutMs / 1000,
      },
      (error, result) => (error ? reject(error) : resolve(result.requests.sent)),
    );
    run.on('response', (connection: unknown, status: number, bytes: number, ms: number) => {
      const now = performance.now();
      const sent = { request, due: now - ms, sentAt: now - ms };
      accounts.sent(sent, now - ms);
      accounts.answered(sent, status, status < 400, bytes, now);
      connections.set(connection, now);
      progress.update(accounts.progress.answered + accounts.progress.failed, undefined);
    });
    run.on('reqError', ({ code, message }: NodeJS.ErrnoException) => {
      const kind = message === 'request timed out' ? 'timeout' : (kinds[code ?? ''] ?? 'other');
      accounts.unsendable({ request, due: performance.now() }, kind);
    });
    const stop = () => run.stop();
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    run.once('done', () => signal.removeEventListener('abort', stop));
  });
  let last = performance.now();
  const watching = setInterval(() => {
    const now = performance.now();
    lag.record(Math.max(0, now - last - lagEveryMs));
    last = now;
  }, lagEveryMs);
  try {
    const sent = await ended;
    const end = performance.now();
    countRest(accounts, request, { sent, users: arrivals.users, connections, begin, end });
    const busy = performance.eventLoopUtilization(started).utilization;
    const timeline = new Timeline(open);
    timeline.add(accounts.takeRecent());
    return {
      names: accounts.names,
      warmup: new NameTally(open),
      iterations: undefined,
      usedUpMs: undefined,
      due: accounts.due,
      resent: 0,
      mostConnections: arrivals.users,
      lag,
      slowest: accounts.slowest.list,
      busy,
      network: { lookups: 0, byAddress: [], reasons: {} },
      endedMs: end - begin,
      lastSentMs: end - begin,
      startedAt: origin,
      elapsedMs: end - begin,
      timeline,
      lost: [],
    };
  } finally {
    clearInterval(watching);
  }
}

interface End {
  /** As autocannon counts. */
  readonly sent: number;
  readonly users: number;
  /** When each had its last answer. */
  readonly connections: ReadonlyMap<unknown, number>;
  readonly begin: number;
  readonly end: number;
}

/** Requests of which autocannon told nothing: each connection has one under way, and others were lost with theirs. */
function countRest(accounts: Accounts, request: PreparedRequest, counts: End): void {
  const { sent, users, connections, begin, end } = counts;
  const { answered, failed } = accounts.progress;
  const rest = Math.max(0, sent - answered - failed);
  const underWay = Math.min(rest, users);
  const since = [...connections.values()].sort((a, b) => a - b);
  for (let i = 0; i < underWay; i++) {
    const due = since[i - (users - since.length)] ?? begin;
    accounts.sent({ request, due }, due);
    accounts.abandoned({ request, due, sentAt: due }, end);
  }
  for (let i = underWay; i < rest; i++) accounts.unsendable({ request, due: end }, 'closed');
}

function urlOf({ path }: PreparedRequest, { host, port, tls }: LoadPlan['targets'][number]): string {
  return `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
}

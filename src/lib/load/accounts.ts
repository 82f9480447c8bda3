import type { PreparedRequest } from './job.js';
import { NameTable } from './name-table.js';
import { Slowest, type SlowRequest } from './slowest.js';
import { type FailureKind, NameTally, type OpenLatencies } from './tally.js';
import { firstSliceMs, Timeline } from './timeline.js';

/** Which requests are meant: those of this `name`, or with these tags. All of them without any. */
export type Filter = Readonly<Record<string, string>>;

export function matches(filter: Filter, name: string, tags: Filter = {}): boolean {
  return Object.entries(filter).every(([key, value]) => (key === 'name' ? name : tags[key]) === value);
}

/** A request that was due, at an instant of this thread's monotonic clock. */
export interface Due {
  readonly request: PreparedRequest;
  readonly due: number;
}

/** One that was sent, too. */
export interface Sent extends Due {
  readonly sentAt: number;
  readonly traceId?: string | undefined;
}

export interface Progress {
  readonly answered: number;
  readonly failed: number;
  readonly sent: number;
}

export interface AccountsOptions {
  /** The begin of the run, on this thread's monotonic clock. */
  readonly begin: number;
  readonly isClosedLoop: boolean;
  /** Names that always have a row. */
  readonly names: readonly string[];
  /** Requests that are counted together, for whoever watches the run. */
  readonly watch: readonly Filter[];
}

/**
 * What one thread counts: by name, by time, the slowest requests, and what is watched. Each request that was sent is told once
 * to `sent`, and once to `answered`, `failed` or `abandoned`; what could not be sent only to `unsendable`. Times are
 * instants of this thread's monotonic clock, in milliseconds.
 */
export class Accounts {
  readonly names: NameTable;
  readonly slowest = new Slowest();
  readonly watched: readonly NameTally[];
  readonly #options: AccountsOptions;
  readonly #open: OpenLatencies;
  readonly #watching = new Map<string, readonly NameTally[]>();
  #recent: Timeline;
  #due = 0;
  #sent = 0;
  #answered = 0;
  #failed = 0;

  constructor(open: OpenLatencies, options: AccountsOptions) {
    this.#open = open;
    this.#options = options;
    this.names = new NameTable(open, options.names);
    this.watched = options.watch.map(() => new NameTally(open));
    this.#recent = new Timeline(open, firstSliceMs, Infinity);
  }

  /** Requests that were due, of an open loop; those that were sent, of a closed one. */
  get due(): number {
    return this.#options.isClosedLoop ? this.#sent : this.#due;
  }

  get progress(): Progress {
    return { answered: this.#answered, failed: this.#failed, sent: this.#sent };
  }

  becameDue(due: number): void {
    if (this.#options.isClosedLoop) return;
    this.#due++;
    this.#slice(due).due++;
  }

  sent(sent: Due, now: number): void {
    this.#countSent(sent);
    this.#slice(now).starts++;
  }

  /** @param bytes on the wire */
  answered(sent: Sent, status: number, expected: boolean, bytes: number, now: number): void {
    const { due, sentAt } = sent;
    this.#answered++;
    this.#each(sent.request, (tally) => {
      tally.bytes += bytes;
      tally.countAnswer(status, expected, due, sentAt, now);
    });
    const slice = this.#slice(due);
    if (expected) slice.response.record(now - due);
    else slice.unexpected++;
    const arrived = this.#slice(now);
    arrived.ends++;
    arrived.bytes += bytes;
    this.#see(sent, status, now);
  }

  failed(sent: Sent, kind: FailureKind, now: number): void {
    this.#fail(sent, kind);
    this.#see(sent, kind, now);
  }

  /** No connection could be opened for it: it counts as sent, and as failed. */
  unsendable(due: Due, kind: FailureKind): void {
    this.#countSent(due);
    this.#fail(due, kind);
  }

  /** The run is over, and there is no answer. */
  abandoned(sent: Sent, now: number): void {
    const { due, sentAt } = sent;
    this.#each(sent.request, (tally) => tally.countIncomplete(due, sentAt, now));
    this.#slice(due).ages.record(now - due);
    this.#see(sent, 'incomplete', now);
  }

  /** What a check said of an answer. */
  checked({ request, due }: Due, check: string, passed: boolean): void {
    const counts = { passed: passed ? 1 : 0, failed: passed ? 0 : 1 };
    this.#each(request, (tally) => tally.countChecks(check, counts));
    this.#slice(due).countChecks(counts);
  }

  /** So many connections are open now. */
  connectionsOpen(count: number, now: number): void {
    const slice = this.#slice(now);
    slice.connections = Math.max(slice.connections, count);
  }

  /** What happened since this was taken last. */
  takeRecent(): Timeline {
    const recent = this.#recent;
    this.#recent = new Timeline(this.#open, firstSliceMs, Infinity);
    return recent;
  }

  #countSent({ request, due }: Due): void {
    this.#sent++;
    this.#each(request, (tally) => tally.sent++);
    const slice = this.#slice(due);
    slice.sent++;
    if (this.#options.isClosedLoop) slice.due++;
  }

  #fail({ request, due }: Due, kind: FailureKind): void {
    this.#failed++;
    this.#each(request, (tally) => tally.countFailure(kind));
    this.#slice(due).failed++;
  }

  #see(sent: Sent, outcome: SlowRequest['outcome'], now: number): void {
    const { request, due, sentAt, traceId } = sent;
    if (!this.slowest.isSlow(now - due)) return;
    this.slowest.add({
      name: request.name,
      dueMs: due - this.#options.begin,
      responseMs: now - due,
      serviceMs: now - sentAt,
      waitMs: sentAt - due,
      outcome,
      ...(traceId === undefined ? {} : { traceId }),
    });
  }

  #slice(at: number) {
    return this.#recent.at(at - this.#options.begin);
  }

  #each({ name, tags }: PreparedRequest, count: (tally: NameTally) => void): void {
    count(this.names.tallyOf(name, tags));
    if (this.watched.length === 0) return;
    let watching = this.#watching.get(name);
    if (!watching) {
      watching = this.watched.filter((_, i) => matches(this.#options.watch[i]!, name, tags));
      // Names that are made up as the run goes must not fill the memory.
      if (this.#watching.size < 10_000) this.#watching.set(name, watching);
    }
    for (const tally of watching) count(tally);
  }
}

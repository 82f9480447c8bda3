import type { ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import { errorMessage, ServiceUnavailable, systemCode } from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';
import type { Found } from '../keyed-level.js';
import { Breaker, type BreakerSettings } from './breaker.js';
import { type Call, Deadlines } from './deadlines.js';
import type { Operation, Queued, RowTarget } from '../write-behind/types.js';

/** Rows on their way to the database. */
export interface WriteQueue {
  /**
   * Resolves once the row is queued.
   * @param value what the cache gets; null removes the key there.
   * @param options.operationId of an earlier call that this one repeats: the two are applied once.
   */
  writeBehind(
    key: ByteString,
    value: ByteString | null,
    target: RowTarget,
    operation: Operation,
    options: { operationId?: string | undefined },
  ): Promise<Queued>;
  /** The queued value of a key, if there is one. May wait until an earlier write is settled. */
  pendingValue(key: ByteString): Promise<Found | undefined>;
  /** Resolves when the server with the key's entries answers: then it is not what `pendingValue` waits for. */
  answers?(key: ByteString): Promise<unknown>;
  close(): void;
}

export interface QueueLimits {
  /** Milliseconds until a queue that does not answer a read counts as failing. Default 200. */
  timeoutMs?: number | undefined;
  breaker?: BreakerSettings | undefined;
}

const late = Symbol('late');

/** What is queued, for reads that missed: asked within a time-out, and not while its server is down. */
export class QueuedValues {
  private readonly timeoutMs: number;
  private readonly breaker: Breaker;
  private readonly deadlines: Deadlines;

  constructor(
    private readonly queue: WriteQueue,
    { timeoutMs = 200, breaker = {} }: QueueLimits,
    private readonly clock: Clock,
  ) {
    this.timeoutMs = timeoutMs;
    this.breaker = new Breaker(breaker, clock);
    this.deadlines = new Deadlines(clock);
  }

  /** @throws ServiceUnavailable `QUEUE_UNAVAILABLE`, or `WRITE_PENDING` from a queue whose worker does not get on. */
  async of(key: ByteString): Promise<Found | undefined> {
    if (!this.breaker.admits()) throw unavailable('it is not asked while it is down');
    try {
      const found = await this.settled(key);
      this.breaker.succeeded();
      return found;
    } catch (error) {
      if (systemCode(error) === 'WRITE_PENDING') {
        this.breaker.succeeded();
        throw error;
      }
      this.breaker.failure();
      throw unavailable(errorMessage(error), error);
    }
  }

  private async settled(key: ByteString): Promise<Found | undefined> {
    const pending = this.queue.pendingValue(key);
    for (;;) {
      const found = await this.within(pending);
      if (found !== late) return found;
      // Waiting for the worker is no fault of the server's.
      const answer = this.queue.answers?.(key);
      if (!answer || (await this.within(answer)) === late)
        throw new ServiceUnavailable(`no answer within ${formatDuration(this.timeoutMs)}`);
      this.breaker.succeeded();
    }
  }

  /** Half of the time is for the work, the other for the question whether the server is there at all. */
  private within<T>(work: Promise<T>): Promise<T | typeof late> {
    return new Promise((resolve, reject) => {
      const call: Call = {
        over: false,
        deadline: this.clock.monotonic() + this.timeoutMs / 2,
        late: () => resolve(late),
      };
      this.deadlines.add(call);
      const settle = (then: () => void): void => {
        if (call.over) return;
        this.deadlines.done(call);
        then();
      };
      work.then(
        (value) => settle(() => resolve(value)),
        (error: Error) => settle(() => reject(error)),
      );
    });
  }
}

function unavailable(why: string, cause?: unknown): ServiceUnavailable {
  return new ServiceUnavailable(`what is queued for the key cannot be read: ${why}`, {
    code: 'QUEUE_UNAVAILABLE',
    hint: 'Nothing is loaded meanwhile: the row may be older than a queued write. Does the Redis of write-behind answer?',
    cause,
  });
}

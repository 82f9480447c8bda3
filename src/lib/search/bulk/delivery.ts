import { passingStatuses, SearchRefusal } from '../../clients/search/refusal.js';
import type { Clock } from '../../core/clock.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';
import { HttpFailure } from '../../http/failure.js';
import {
  BulkBusy,
  BulkSpoiled,
  BulkTooLarge,
  type Operation,
  type Outcome,
  type SearchEngine,
  type Settled,
  type WriteTarget,
} from '../engine.js';
import { backoffMs } from './backoff.js';
import type { BatchSize } from './batch-size.js';
import { conflict, settleByReading } from './lost-answers.js';

/** Why nothing is written at the moment. */
export interface Wait {
  /** `blocked`: the index takes no writes. `busy`: the server has too much to do. `away`: there is no answer. */
  readonly kind: 'blocked' | 'busy' | 'away';
  readonly reason: string;
  /** How long it is waited for, in milliseconds. */
  readonly stallMs: number;
}

export interface DeliveryOptions<T extends Operation> {
  readonly engine: Pick<SearchEngine, 'bulk' | 'read' | 'heldForm' | 'name'>;
  readonly target: WriteTarget;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly size: BatchSize;
  readonly stallMs: number;
  readonly random: () => number;
  readonly settled: (operation: T, outcome: Settled) => void;
  readonly waits: (wait: Wait) => void;
  /** So many operations are sent again. */
  readonly resent: (count: number) => void;
  /** All of it may have been sent before. */
  readonly mayRepeat: boolean;
}

/** The way of one batch, from its first request to the last answer. Nobody else sends any of it. */
export class Delivery<T extends Operation> {
  readonly #options: DeliveryOptions<T>;
  /** What is to be sent, in order: a part is settled before the next one is sent. */
  readonly #parts: T[][];
  /** Sent, and the answers were lost. */
  readonly #uncertain = new Set<T>();
  /** How often an operation was refused because of a document that was not found then. */
  readonly #contradicted = new Map<T, number>();
  /** Refused in turn. */
  #attempt = 0;
  /** When something was last settled. */
  #since: number;

  constructor(operations: T[], options: DeliveryOptions<T>) {
    this.#options = options;
    this.#parts = [operations];
    this.#since = options.clock.monotonic();
  }

  /** Operations that are not settled, and may have been carried out: they were sent, and no answer came. */
  get uncertain(): number {
    return this.#uncertain.size;
  }

  /** Resolves when every operation is settled. @throws ServiceUnavailable after `stallMs`; SearchRefusal; the signal's reason */
  async run(): Promise<void> {
    for (let part = this.#parts.shift(); part !== undefined; part = this.#parts.shift()) {
      this.#options.signal.throwIfAborted();
      await this.#send(part);
    }
  }

  async #send(part: T[]): Promise<void> {
    const { engine, target, clock, signal, size } = this.#options;
    const began = clock.monotonic();
    let outcomes: readonly Outcome[];
    try {
      outcomes = await engine.bulk(target, part, signal);
    } catch (error) {
      return this.#unanswered(part, error);
    }
    const left = await this.#settle(part, outcomes);
    if (left.operations.length < part.length) this.#progressed();
    if (left.operations.length === 0) return size.answered(clock.monotonic() - began);
    if (left.kind === 'busy') size.refused();
    this.#parts.unshift(left.operations);
    await this.#pause({ kind: left.kind, reason: left.reason }, left.operations.length);
  }

  /** The request as a whole was refused, or its answer was lost. */
  async #unanswered(part: T[], error: unknown): Promise<void> {
    const { size, resent } = this.#options;
    if (error instanceof BulkTooLarge || error instanceof BulkSpoiled) {
      if (part.length === 1) {
        this.#progressed();
        return this.#done(part[0]!, { kind: 'rejected', ...refusalOf(error) });
      }
      if (error instanceof BulkTooLarge)
        size.tooLarge(part.reduce((sum, operation) => sum + lengthOf(operation), 0));
      this.#halve(part);
      resent(part.length);
      return;
    }
    if (error instanceof BulkBusy) {
      size.refused();
      this.#parts.unshift(part);
      await this.#pause({ kind: 'busy', reason: error.reason }, part.length, error.afterMs);
      return;
    }
    const isRefused =
      error instanceof SearchRefusal || (error instanceof HttpFailure && error.phase === 'connect');
    if (!isRefused) for (const operation of part) this.#uncertain.add(operation);
    if (!(error instanceof HttpFailure) || error.kind === 'tls' || error.kind === 'too-large') throw error;
    // What is cut off for its length, or takes longer than an answer may, gets through in parts.
    if (isRefused) this.#parts.unshift(part);
    else this.#halve(part);
    await this.#pause({ kind: 'away', reason: error.message }, part.length);
  }

  #halve(part: T[]): void {
    const middle = Math.ceil(part.length / 2);
    if (part.length > 1) this.#parts.unshift(part.slice(0, middle), part.slice(middle));
    else this.#parts.unshift(part);
  }

  /** What is still to be sent, and why. */
  async #settle(part: T[], outcomes: readonly Outcome[]) {
    const left = { operations: [] as T[], kind: 'busy' as Wait['kind'], reason: '' };
    const unclear: T[] = [];
    /** Later writes to the same documents follow those that are sent again, or the older ones would stay. */
    let held: Set<string> | undefined;
    for (const [i, outcome] of outcomes.entries()) {
      const operation = part[i]!;
      if (outcome.kind !== 'done' && outcome.kind !== 'rejected') {
        if (outcome.kind === 'blocked') left.kind = 'blocked';
        if (outcome.kind === left.kind || left.reason === '') left.reason = outcome.reason;
        (held ??= new Set()).add(operation.id);
        left.operations.push(operation);
      } else if (held?.has(operation.id)) left.operations.push(operation);
      else if (outcome.kind === 'rejected' && this.#mayBeOurs(operation, outcome.status))
        unclear.push(operation);
      else this.#done(operation, outcome);
    }
    if (unclear.length > 0) await this.#settleUnclear(unclear, left);
    return left;
  }

  async #settleUnclear(
    unclear: T[],
    left: { readonly operations: T[]; kind: Wait['kind']; reason: string },
  ): Promise<void> {
    const { engine, target, signal } = this.#options;
    try {
      const outcomes = await settleByReading(engine, target.index, unclear, signal);
      for (const [i, operation] of unclear.entries()) {
        const outcome = outcomes[i] ?? this.#notFound(operation);
        if (outcome) this.#done(operation, outcome);
        else {
          left.operations.push(operation);
          left.reason ||= notFound;
        }
      }
    } catch (error) {
      const isBusy = error instanceof SearchRefusal && passingStatuses.has(error.status);
      if (!isBusy && !(error instanceof HttpFailure)) throw error;
      // Sent again they are refused as now, and read then.
      left.operations.push(...unclear);
      left.kind = isBusy ? 'busy' : 'away';
      left.reason = error.message;
    }
  }

  /** There, and not found: that passes, unless it was deleted and its version stays known, or the index keeps no documents. */
  #notFound(operation: T): Settled | undefined {
    const times = (this.#contradicted.get(operation) ?? 0) + 1;
    this.#contradicted.set(operation, times);
    const mayPass = this.#options.mayRepeat || this.#uncertain.has(operation);
    return mayPass && times < 6 ? undefined : conflict(notFound);
  }

  #progressed(): void {
    this.#attempt = 0;
    this.#since = this.#options.clock.monotonic();
  }

  #done(operation: T, outcome: Settled): void {
    this.#uncertain.delete(operation);
    this.#options.settled(operation, outcome);
  }

  /**
   * Whether the document may be as the operation would have it: by an attempt whose answer was lost, or, where it is of this very
   * version, by anybody.
   */
  #mayBeOurs(operation: T, status: number): boolean {
    const { kind, version } = operation;
    if (status === 409 && version !== undefined) return true;
    if (!this.#options.mayRepeat && !this.#uncertain.has(operation)) return false;
    return status === 409 ? kind === 'create' || kind === 'delete' : status === 404 && kind === 'delete';
  }

  async #pause(wait: Omit<Wait, 'stallMs'>, count: number, afterMs = 0): Promise<void> {
    const { engine, clock, signal, stallMs, random, waits, resent } = this.#options;
    signal.throwIfAborted();
    const waited = clock.monotonic() - this.#since;
    if (waited >= stallMs)
      throw new ServiceUnavailable(
        wait.kind === 'away'
          ? `nothing could be written for ${formatDuration(stallMs)}: ${wait.reason}`
          : `${engine.name} took no writes for ${formatDuration(stallMs)}: ${wait.reason}`,
        { code: 'WRITES_STALLED', hint: 'Lift what stands against it first; --stall waits longer.' },
      );
    if (wait.kind === 'blocked' || waited >= worthTellingMs) waits({ ...wait, stallMs });
    resent(count);
    this.#attempt++;
    const pause = Math.max(afterMs, backoffMs(this.#attempt, random));
    await clock.sleep(Math.min(pause, stallMs - waited), signal);
  }
}

/** A server that is busy, or restarts, for less is nothing that anybody must know of. */
const worthTellingMs = 5000;

const notFound = 'it was there, and is not any more';

function refusalOf(error: BulkTooLarge | BulkSpoiled): { readonly status: number; readonly reason: string } {
  if (error instanceof BulkSpoiled) return { status: error.status, reason: error.reason };
  return { status: 413, reason: 'the server takes no request that is as long as this document alone' };
}

/** Of an operation in a request, about. */
export function lengthOf({ id, source }: Operation): number {
  // 60: the action's line.
  return id.length + (source?.length ?? 0) + 60;
}

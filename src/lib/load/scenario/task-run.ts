import { retryAfterMs } from '../../http/retry-after.js';
import type { PreparedRequest } from '../job.js';
import type { Answer } from '../transport.js';
import type { Checks, Iteration } from '../workload.js';
import { AnswerReader } from './answer-reader.js';
import type { FeedReader } from './feed.js';
import { fillRequest, type Values } from './fill.js';
import { captureCheck, type RequestPlan, type TaskPlan } from './plan.js';
import { drawWait, type Wait } from './wait.js';

/** A server that says "again at once" is given so long. */
const leastRetryMs = 100;

/** How iterations ended, and what answers made them do. */
export interface IterationCounts {
  begun: number;
  /** A capture failed, so that the rest could not be sent. */
  endedEarly: number;
  /** Pauses that a Retry-After asked for. */
  retryAfterObeyed: number;
}

export interface TaskRunOptions {
  readonly feeds: readonly FeedReader[];
  readonly random: () => number;
  readonly counts: IterationCounts;
  /** Before the first step, in milliseconds. */
  readonly pauseMs?: number;
  /** After the last step. */
  readonly wait?: Wait | undefined;
}

/** One pass of a task. */
export class TaskRun implements Iteration, Values {
  readonly #task: TaskPlan;
  readonly #options: TaskRunOptions;
  readonly #rows: ReadonlyMap<number, number>;
  readonly #captured = new Map<string, string>();
  #at = 0;
  #current: RequestPlan | undefined;
  #last: PreparedRequest | undefined;
  /** Due before anything else. */
  #pauseMs: number | undefined;
  #again = false;
  #hasWaited = false;

  /** @param rows of the task's feeds */
  constructor(task: TaskPlan, rows: ReadonlyMap<number, number>, options: TaskRunOptions) {
    this.#task = task;
    this.#rows = rows;
    this.#options = options;
    this.#pauseMs = options.pauseMs;
    options.counts.begun++;
  }

  next(): PreparedRequest | number | undefined {
    const pause = this.#pauseMs;
    if (pause !== undefined) {
      this.#pauseMs = undefined;
      return pause;
    }
    if (this.#again) {
      this.#again = false;
      return this.#last;
    }
    const step = this.#task.steps[this.#at++];
    if (step === undefined) return this.#waitAfter();
    if ('wait' in step) return drawWait(step.wait, this.#options.random);
    this.#current = step;
    return (this.#last = fillRequest(step, this));
  }

  read(answer: Answer, latencyMs: number, checks: Checks): void {
    const { checks: planned, captures, obeysRetryAfter } = this.#current!;
    if (obeysRetryAfter && this.#isToldToWait(answer)) return;
    if (planned.length === 0 && captures.length === 0) return;
    const reader = new AnswerReader(answer, latencyMs);
    let isWhole = true;
    for (const capture of captures) {
      const value = reader.captured(capture);
      if (value === undefined) isWhole = false;
      else this.#captured.set(capture.name, value);
      checks.check(captureCheck(capture), value !== undefined, value ?? 'it is not in the answer');
    }
    for (const check of planned) {
      // What it compares with may not have been captured.
      const why = isWhole ? reader.failure(check, this) : 'a capture failed';
      checks.check(check.name, why === undefined, why);
    }
    if (!isWhole) this.#endEarly();
  }

  lost(checks: Checks): void {
    const { checks: planned, captures } = this.#current!;
    for (const capture of captures) checks.check(captureCheck(capture), false, 'there is no answer');
    for (const { name } of planned) checks.check(name, false, 'there is no answer');
    if (captures.length > 0) this.#endEarly();
  }

  column(feed: number, column: number): string {
    return this.#options.feeds[feed]!.value(this.#rows.get(feed)!, column);
  }

  captured(name: string): string {
    return this.#captured.get(name)!;
  }

  /** By the names of captures. */
  get allCaptured(): ReadonlyMap<string, string> {
    return this.#captured;
  }

  #waitAfter(): number | undefined {
    const { wait, random } = this.#options;
    if (!wait || this.#hasWaited) return undefined;
    this.#hasWaited = true;
    return drawWait(wait, random);
  }

  #isToldToWait({ status, headers }: Answer): boolean {
    if (status !== 429 && status !== 503) return false;
    const ms = retryAfterMs(headers.get('retry-after'), Date.now());
    if (ms === undefined) return false;
    this.#pauseMs = Math.max(leastRetryMs, ms);
    this.#again = true;
    this.#options.counts.retryAfterObeyed++;
    return true;
  }

  #endEarly(): void {
    this.#at = this.#task.steps.length;
    this.#options.counts.endedEarly++;
  }
}

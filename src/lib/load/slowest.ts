import type { FailureKind } from './tally.js';

/** How many are kept. */
const most = 10;

/** A request that was slow. Times are in milliseconds. */
export interface SlowRequest {
  readonly name: string;
  /** When it was due, from the begin of the run. */
  readonly dueMs: number;
  /** From then to the end of its answer, to its failure, or to the end of the run. */
  readonly responseMs: number;
  readonly serviceMs: number;
  readonly waitMs: number;
  /** The answer's status, why there was none, or that it was still under way at the end. */
  readonly outcome: number | FailureKind | 'incomplete';
  readonly traceId?: string | undefined;
}

/** The slowest requests, slowest first. */
export class Slowest {
  readonly #kept: SlowRequest[] = [];
  /** Response time that a request has to exceed to be kept; below it nothing has to be made for it. */
  #threshold = -1;

  get list(): readonly SlowRequest[] {
    return this.#kept;
  }

  isSlow(responseMs: number): boolean {
    return responseMs > this.#threshold;
  }

  add(request: SlowRequest): void {
    if (!this.isSlow(request.responseMs)) return;
    const place = this.#kept.findIndex(({ responseMs }) => responseMs < request.responseMs);
    this.#kept.splice(place < 0 ? this.#kept.length : place, 0, request);
    if (this.#kept.length > most) this.#kept.pop();
    if (this.#kept.length === most) this.#threshold = this.#kept.at(-1)!.responseMs;
  }
}

import type { PreparedRequest, WorkloadPlan } from './job.js';
import { Picker } from './picker.js';
import type { Answer } from './transport.js';

/** One pass of what a user does: requests one after the other, with pauses. */
export interface Iteration {
  /** The next request, a pause in milliseconds, or undefined at the end. */
  next(): PreparedRequest | number | undefined;
  /** The answer of the request that `next` gave last. */
  read(answer: Answer): void;
}

/** Gives what is sent whenever something is due. */
export interface Workload {
  begin(): Iteration;
}

/** @param seed of this thread: what is chosen is the same in each run */
export function openWorkload(plan: WorkloadPlan, seed: number): Workload {
  const picker = new Picker(plan.requests, seed);
  return { begin: () => new SingleRequest(picker.next().request) };
}

/** One request, and nothing after it. */
export class SingleRequest implements Iteration {
  #request: PreparedRequest | undefined;

  constructor(request: PreparedRequest) {
    this.#request = request;
  }

  next(): PreparedRequest | undefined {
    const request = this.#request;
    this.#request = undefined;
    return request;
  }

  read(): void {}
}

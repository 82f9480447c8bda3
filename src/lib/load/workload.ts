import type { PreparedRequest, WorkloadPlan } from './job.js';
import { Picker } from './picker.js';
import { seededRandom } from './random.js';
import { ScenarioWorkload } from './scenario/scenario-workload.js';
import type { IterationCounts } from './scenario/task-run.js';
import type { Answer } from './transport.js';

/** Where what is checked is counted. */
export interface Checks {
  /** @param detail for people: why it failed, or what was captured */
  check(name: string, passed: boolean, detail?: string): void;
}

/** One pass of what a user does: requests one after the other, with pauses. */
export interface Iteration {
  /** The next request, a pause in milliseconds, or undefined at the end. */
  next(): PreparedRequest | number | undefined;
  /** The answer of the request that `next` gave last. @param latencyMs from when it was due */
  read(answer: Answer, latencyMs: number, checks: Checks): void;
  /** That request has failed. */
  lost(checks: Checks): void;
}

/** Gives what is sent whenever something is due. */
export interface Workload {
  /** Nothing is left to be sent: the rows of a feed were used once each. */
  readonly isUsedUp: boolean;
  /** Undefined of a workload without iterations of several steps. */
  readonly counts?: IterationCounts;
  /** @param isFirst of a user @returns undefined when nothing is left */
  begin(isFirst: boolean): Iteration | undefined;
}

/** @param seed of this thread: what is chosen is the same in each run */
export function openWorkload(plan: WorkloadPlan, seed: number): Workload {
  if ('tasks' in plan) return new ScenarioWorkload(plan, seed);
  const picker = new Picker(plan.requests, seededRandom(seed));
  return { isUsedUp: false, begin: () => new SingleRequest(picker.next().request) };
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

  lost(): void {}
}

import type { MessagePort } from 'node:worker_threads';

import type { PreparedRequest } from '../job.js';
import { prepare } from '../request.js';
import { type Iteration, SingleRequest, type Workload } from '../workload.js';
import type { Batch, End } from './deal.js';
import type { RecordedRequest } from './recording.js';

/** A thread's share of a recording: when each request is due, and the request. */
export class Playback implements Workload {
  /** `next` says that. */
  readonly isUsedUp = false;
  /** When the recording ends, once that is known. */
  endMs = 0;
  readonly #port: MessagePort;
  readonly #host: string;
  #batches: Batch[] = [];
  #at = 0;
  #isComplete = false;
  #current: RecordedRequest | undefined;
  #changed: () => void = () => {};

  constructor({ port, host }: { readonly port: MessagePort; readonly host: string }) {
    this.#port = port;
    this.#host = host;
    port.on('message', (message: Batch | End) => {
      if ('endMs' in message) {
        this.endMs = message.endMs;
        this.#isComplete = true;
      } else {
        this.#batches.push(message);
        if (this.#batches.length === 1) this.#port.postMessage('begun');
      }
      this.#changed();
    });
  }

  /** Milliseconds from the origin at which the next request is due; undefined at the end. `begin` gives it. */
  next(): number | undefined | Promise<number | undefined> {
    const [batch] = this.#batches;
    if (batch === undefined) return this.#isComplete ? undefined : this.#wait();
    this.#current = batch[this.#at++]!;
    if (this.#at === batch.length) {
      this.#at = 0;
      this.#batches.shift();
      if (this.#batches.length > 0) this.#port.postMessage('begun');
    }
    return this.#current.dueMs;
  }

  begin(): Iteration {
    return new SingleRequest(requestOf(this.#current!, this.#host));
  }

  /** Ends it, wherever it is. */
  close(): void {
    this.#isComplete = true;
    this.#batches = [];
    this.#port.close();
    this.#changed();
  }

  async #wait(): Promise<number | undefined> {
    await new Promise<void>((resolve) => (this.#changed = resolve));
    return this.next();
  }
}

function requestOf({ name, method, path, status }: RecordedRequest, host: string): PreparedRequest {
  const request = prepare(name, path, host, { method, headers: [] });
  return status === undefined || status < 400 || status >= 500
    ? request
    : { ...request, expected: expectedWith(status) };
}

const successes = Array.from({ length: 300 }, (_, i) => 100 + i);
const known = new Map<number, readonly number[]>();

/** What was not there then, or not allowed, may be so again: it is no failure of today. */
function expectedWith(status: number): readonly number[] {
  let expected = known.get(status);
  if (!expected) known.set(status, (expected = [...successes, status]));
  return expected;
}

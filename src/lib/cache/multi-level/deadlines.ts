import type { Clock } from '../../core/clock.js';

/** One call that has to be over in time. */
export interface Call {
  over: boolean;
  readonly deadline: number;
  /** Called once when it is not. */
  late(): void;
}

/**
 * Calls that all have the same time: the first to start is the first to be late, so one timer serves them all. A
 * timer for each would cost as much as asking a cache.
 */
export class Deadlines {
  private calls: Call[] = [];
  private head = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly clock: Clock) {}

  add(call: Call): void {
    this.calls.push(call);
    if (this.timer === undefined) this.arm(call.deadline);
  }

  /** The call was over in time. */
  done(call: Call): void {
    call.over = true;
    while (this.head < this.calls.length && this.calls[this.head]!.over) this.head++;
    if (this.head === this.calls.length) {
      this.calls.length = this.head = 0;
    } else if (this.head > 1024 && 2 * this.head > this.calls.length) {
      this.calls.splice(0, this.head);
      this.head = 0;
    }
  }

  private arm(deadline: number): void {
    const ms = Math.max(1, deadline - this.clock.monotonic());
    this.timer = setTimeout(() => this.check(), ms);
    // What waits for the answer has a socket that keeps the process alive.
    this.timer.unref();
  }

  private check(): void {
    this.timer = undefined;
    const now = this.clock.monotonic();
    const late: Call[] = [];
    for (let i = this.head; i < this.calls.length && this.calls[i]!.deadline <= now; i++)
      if (!this.calls[i]!.over) late.push(this.calls[i]!);
    for (const call of late) {
      this.done(call);
      call.late();
    }
    const next = this.calls[this.head];
    if (next && this.timer === undefined) this.arm(next.deadline);
  }
}

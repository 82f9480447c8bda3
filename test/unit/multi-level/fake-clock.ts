import type { Clock } from '../../../src/lib/core/clock.js';

/** Time that stands still until it is told; the wall clock can jump by itself. */
export class FakeClock implements Clock {
  private ms = 1_000;
  private wall = 1_700_000_000_000;
  now(): number {
    return this.wall + this.ms;
  }
  monotonic(): number {
    return this.ms;
  }
  async sleep(ms: number): Promise<void> {
    this.ms += ms;
    await Promise.resolve();
  }
  advance(ms: number): void {
    this.ms += ms;
  }
  jump(ms: number): void {
    this.wall += ms;
  }
}

/** The memory level looks at the time once a millisecond. */
export const aMoment = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

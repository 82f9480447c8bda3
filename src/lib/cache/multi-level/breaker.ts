import type { Clock } from '../../core/clock.js';

export interface BreakerSettings {
  /** Failures in a row after which the level is skipped. Default 3. */
  failures?: number;
  /** Milliseconds until it is tried again the first time; doubles with each try that fails. Default 500. */
  pauseMs?: number;
  /** The longest pause, in milliseconds. Default 10,000. */
  longestPauseMs?: number;
}

/** Skips a level that fails, and lets one call at a time through now and then to see whether it is back. */
export class Breaker {
  /** Times it went from closed to open. */
  trips = 0;
  private failed = 0;
  private open = false;
  private probing = false;
  private retryAt = 0;
  private pauseMs: number;
  private readonly settings: Required<BreakerSettings>;

  constructor(
    settings: BreakerSettings,
    private readonly clock: Clock,
  ) {
    this.settings = { failures: 3, pauseMs: 500, longestPauseMs: 10_000, ...settings };
    this.pauseMs = this.settings.pauseMs;
  }

  get state(): 'closed' | 'open' {
    return this.open ? 'open' : 'closed';
  }

  /** Whether a call may be made now; its outcome has to be told. */
  admits(): boolean {
    if (!this.open) return true;
    if (this.probing || this.clock.monotonic() < this.retryAt) return false;
    this.probing = true;
    return true;
  }

  /** @returns true when the level is back. */
  succeeded(): boolean {
    this.failed = 0;
    if (!this.open) return false;
    this.open = this.probing = false;
    this.pauseMs = this.settings.pauseMs;
    return true;
  }

  failure(): void {
    if (this.open) {
      // Of calls that were under way when it opened, none is the probe.
      if (!this.probing) return;
      this.probing = false;
      this.pauseMs = Math.min(2 * this.pauseMs, this.settings.longestPauseMs);
    } else {
      if (++this.failed < this.settings.failures) return;
      this.open = true;
      this.trips++;
    }
    this.retryAt = this.clock.monotonic() + this.pauseMs;
  }
}

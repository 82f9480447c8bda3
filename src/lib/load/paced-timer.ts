/** Node's timers are a millisecond late or so; nearer than that an instant is waited for by turns of the event loop. */
const nearMs = 1.5;

/** Waits for instants of the monotonic clock. */
export class PacedTimer {
  /** Resolves at the instant, or up to a quarter of a second before it, so that the caller sees what else happened. */
  until(instant: number): Promise<void> {
    const ms = instant - performance.now();
    return new Promise((resolve) => {
      if (ms > nearMs) setTimeout(resolve, Math.min(250, ms - 1));
      else setImmediate(resolve);
    });
  }
}

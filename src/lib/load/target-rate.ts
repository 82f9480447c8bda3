import type { Stage } from './job.js';

/** Arrivals a second that stages want between two instants, on average. Milliseconds from the begin. */
export function targetRateBetween(stages: readonly Stage[], fromMs: number, toMs: number): number {
  let arrivals = 0;
  let startMs = 0;
  for (const { durationMs, from, to } of stages) {
    const [a, b] = [Math.max(fromMs, startMs), Math.min(toMs, startMs + durationMs)];
    const rateAt = (ms: number) => from + ((to - from) * (ms - startMs)) / durationMs;
    if (b > a) arrivals += ((rateAt(a) + rateAt(b)) / 2) * ((b - a) / 1000);
    startMs += durationMs;
  }
  return arrivals / ((toMs - fromMs) / 1000);
}

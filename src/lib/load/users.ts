import type { Stage } from './job.js';

/** How many users there are over time, in straight lines. */
export class UserCurve {
  readonly #stages: readonly Stage[];

  constructor(stages: readonly Stage[]) {
    this.#stages = stages;
  }

  /** @param ms from the beginning @returns a user that has begun is a whole one; 0 after the end */
  at(ms: number): number {
    let begun = 0;
    for (const { durationMs, from, to } of this.#stages) {
      if (ms < begun + durationMs)
        return Math.max(0, Math.ceil(from + ((to - from) * Math.max(0, ms - begun)) / durationMs - 1e-9));
      begun += durationMs;
    }
    return 0;
  }
}

/** The stages with a warm-up before them: with what they begin, and before a ramp from zero with where it leads. */
export function warmupStage([first]: readonly Stage[], durationMs: number): Stage {
  const level = first!.from > 0 ? first!.from : first!.to;
  return { durationMs, from: level, to: level };
}

/**
 * The pause before the next attempt, in milliseconds: it doubles from 100 ms to 10 s, and half of it is random, so that clients that
 * were refused together do not come back together.
 * @param attempt the attempts that were refused in turn, from 1
 * @param random uniform on [0, 1)
 */
export function backoffMs(attempt: number, random: () => number): number {
  const whole = Math.min(10_000, 100 * 2 ** Math.min(attempt - 1, 10));
  return whole / 2 + (whole / 2) * random();
}

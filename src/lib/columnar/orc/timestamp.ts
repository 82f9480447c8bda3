import type { FixedColumn } from '../fixed-column.js';

/** From 1970 to 2015, from where ORC counts. */
const epochSeconds = 1_420_070_400;
const microsPerSecond = 1_000_000;

/**
 * Timestamps as ORC keeps them: seconds since 2015, and nanoseconds in a form that leaves zeros out.
 * https://orc.apache.org/specification/ORCv1/#timestamp-columns
 */
export function timestampParts({ int32, count }: FixedColumn): {
  readonly seconds: Float64Array;
  readonly nanos: Float64Array;
} {
  const seconds = new Float64Array(count);
  const nanos = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    // A division of the halves, each of which is exact: the whole has up to 64 bits.
    const high = int32[2 * i + 1]!;
    const highSeconds = Math.floor(high / microsPerSecond);
    const rest = (high - highSeconds * microsPerSecond) * 2 ** 32 + (int32[2 * i]! >>> 0);
    const lowSeconds = Math.floor(rest / microsPerSecond);
    const whole = highSeconds * 2 ** 32 + lowSeconds;
    const micros = rest - lowSeconds * microsPerSecond;
    // Readers take a second off before 1970 where there are milliseconds.
    seconds[i] = (whole < 0 && micros >= 1000 ? whole + 1 : whole) - epochSeconds;
    nanos[i] = packedNanos(micros);
  }
  return { seconds, nanos };
}

/** Nanoseconds, without their zeros at the end, and how many those were less one in the lowest three bits. */
function packedNanos(micros: number): number {
  if (micros === 0) return 0;
  let digits = micros * 10;
  let zeros = 1;
  for (; digits % 10 === 0 && zeros < 7; zeros++) digits /= 10;
  return digits * 8 + zeros;
}

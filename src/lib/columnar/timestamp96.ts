/** The Julian day of 1970-01-01. */
const epochDay = 2_440_588n;

/** Microseconds since 1970-01-01 00:00 of a time as INT96: nanoseconds of the day, and the Julian day. */
export function microsOf96(bytes: Buffer): bigint {
  return (BigInt(bytes.readInt32LE(8)) - epochDay) * 86_400_000_000n + bytes.readBigInt64LE(0) / 1000n;
}

/**
 * A `Retry-After` header in milliseconds: a number of seconds, or a date. Undefined when it is absent or neither.
 * @param now milliseconds since the epoch, by the server's clock where that is known
 */
export function retryAfterMs(value: string | string[] | undefined, now: number): number | undefined {
  if (typeof value !== 'string') return undefined;
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

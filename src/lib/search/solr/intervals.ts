const secondMs = 1000;
const dayMs = 86_400_000;

const fixedMs: Readonly<Record<string, number>> = {
  s: secondMs,
  m: 60 * secondMs,
  h: 3_600_000,
  d: dayMs,
  w: 7 * dayMs,
};
const months: Readonly<Record<string, number>> = { M: 1, q: 3, y: 12 };

/** An interval as Solr's arithmetic of dates has it, and its least length. @param interval `15m`, `1M` */
export function gapOf(interval: string): { readonly gap: string; readonly leastMs: number } {
  const { count, unit } = parsed(interval);
  const fixed = fixedMs[unit];
  if (fixed !== undefined) return { gap: `+${(count * fixed) / secondMs}SECONDS`, leastMs: count * fixed };
  const inMonths = count * months[unit]!;
  return { gap: `+${inMonths}MONTHS`, leastMs: inMonths * 28 * dayMs };
}

/** Where the interval that holds the time begins, in UTC. */
export function startOf(interval: string, time: Date): Date {
  const { count, unit } = parsed(interval);
  const fixed = fixedMs[unit];
  if (fixed !== undefined) {
    const length = count * fixed;
    // Weeks begin on Mondays, and 1 January 1970 was a Thursday.
    const origin = unit === 'w' ? -3 * dayMs : 0;
    return new Date(Math.floor((time.getTime() - origin) / length) * length + origin);
  }
  const length = count * months[unit]!;
  const month = time.getUTCFullYear() * 12 + time.getUTCMonth();
  const start = new Date(0);
  start.setUTCFullYear(0, Math.floor(month / length) * length, 1);
  return start;
}

function parsed(interval: string): { readonly count: number; readonly unit: string } {
  const [, count, unit] = /^(\d+)([smhdwMqy])$/.exec(interval) ?? [];
  if (unit === undefined) throw new RangeError(`'${interval}' is not an interval`);
  return { count: Number(count), unit };
}

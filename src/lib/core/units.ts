import { UserError } from './errors.js';

const durationUnits: Record<string, number> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const sizeUnits: Record<string, number> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

/** Parses `500ms 30s 5m 1h 7d` (fractions allowed) into milliseconds. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text.trim());
  if (!match)
    throw new UserError(`'${text}' is not a duration`, { hint: 'Write it like 500ms, 30s, 5m, 1h or 7d.' });
  return Math.round(Number(match[1]) * durationUnits[match[2] as string]!);
}

/** Parses `100KB 64MiB 1GB` into bytes. */
export function parseSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?i?b)$/i.exec(text.trim());
  if (!match) throw new UserError(`'${text}' is not a size`, { hint: 'Write it like 100KB, 64MiB or 1GB.' });
  return Math.round(Number(match[1]) * sizeUnits[(match[2] as string).toLowerCase()]!);
}

/** Parses `10%` into 0.1. */
export function parsePercent(text: string): number {
  const match = /^(\d+(?:\.\d+)?)%$/.exec(text.trim());
  if (!match) throw new UserError(`'${text}' is not a percentage`, { hint: 'Write it like 10%.' });
  return Number(match[1]) / 100;
}

/** Milliseconds as the two largest units: `1h 5m`, `2.4s`, `12ms`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)}ms`;
  if (ms < 59_950) return `${Number((ms / 1000).toFixed(1))}s`;
  const parts: string[] = [];
  let rest = Math.round(ms / 1000);
  for (const [unit, seconds] of [
    ['d', 86_400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ] as const) {
    const count = Math.floor(rest / seconds);
    if (count > 0 && parts.length < 2) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
    rest -= count * seconds;
  }
  return parts.join(' ');
}

/** Bytes with a binary unit: `512 B`, `1.5 KiB`, `12.3 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    // What would be rounded up to 1024 is shown in the next unit.
    if (Math.abs(value) < (unit === 'B' ? 1024 : 1023.95))
      return `${unit === 'B' ? Math.round(value) : value.toFixed(1)} ${unit}`;
    value /= 1024;
  }
  return `${value.toFixed(1)} TiB`;
}

/** `1234567` as `1,234,567`, independent of the locale. */
export function formatCount(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** A count and what is counted: `1 key`, `1,234 keys`, `2 entries`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${Math.round(count) === 1 ? one : many}`;
}

export function formatPercent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits)}%`;
}

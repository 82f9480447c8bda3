/** A value that is not of its column's type, or that the type cannot hold as it is. */
export class ValueUnfit extends Error {
  override readonly name = 'ValueUnfit';

  /** @param expected what would be right: `a date such as 2026-01-31` */
  constructor(
    readonly value: unknown,
    readonly expected: string,
  ) {
    super(`${shown(value)} is not ${expected}`);
  }
}

const longest = 60;

/** A value in a message, shortened. */
function shown(value: unknown): string {
  const text =
    typeof value === 'string'
      ? `'${value}'`
      : typeof value === 'object' && value !== null
        ? nameOf(value)
        : typeof value === 'symbol'
          ? 'a symbol'
          : `${value as number | bigint | boolean}`;
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

function nameOf(value: object): string {
  if (Array.isArray(value)) return 'an array';
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : value.toISOString();
  return 'an object';
}

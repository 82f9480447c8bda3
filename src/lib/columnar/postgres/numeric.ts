/** A numeric as PostgreSQL sends it: digits of base 10,000, of which the first stands for 10,000^weight. */
export interface Numeric {
  readonly isNegative: boolean;
  readonly weight: number;
  readonly digits: readonly number[];
  /** Digits behind the point that are shown. */
  readonly scale: number;
}

const special: Readonly<Record<number, string>> = {
  0xc000: 'NaN',
  0xd000: 'Infinity',
  0xf000: '-Infinity',
};

/** @returns a text for what is not a number */
export function readNumeric(bytes: Uint8Array, at: number): Numeric | string {
  const short = (offset: number) => (bytes[at + offset]! << 8) | bytes[at + offset + 1]!;
  const sign = short(4);
  if (special[sign] !== undefined) return special[sign];
  const digits = Array.from({ length: short(0) }, (_, i) => short(8 + 2 * i));
  return { isNegative: sign === 0x4000, weight: (short(2) << 16) >> 16, digits, scale: short(6) };
}

/** As PostgreSQL prints it. */
export function numericText({ isNegative, weight, digits, scale }: Numeric): string {
  const group = (i: number) => String(digits[i] ?? 0).padStart(4, '0');
  let whole = '';
  for (let i = 0; i <= weight; i++) whole += group(i);
  let fraction = '';
  for (let i = weight + 1; fraction.length < scale; i++) fraction += i < 0 ? '0000' : group(i);
  const text = whole.replace(/^0+(?=\d)/, '') || '0';
  return `${isNegative ? '-' : ''}${text}${scale > 0 ? `.${fraction.slice(0, scale)}` : ''}`;
}

/** In units of 10^−scale. PostgreSQL has rounded it to the column's scale, so that nothing is lost. */
export function numericUnits({ isNegative, weight, digits }: Numeric, scale: number): bigint {
  let value = 0n;
  for (const digit of digits) value = value * 10_000n + BigInt(digit);
  // The last digit stands for 10^(4 × (weight − digits + 1)).
  const exponent = 4 * (weight - digits.length + 1) + scale;
  const units = exponent >= 0 ? value * 10n ** BigInt(exponent) : value / 10n ** BigInt(-exponent);
  return isNegative ? -units : units;
}

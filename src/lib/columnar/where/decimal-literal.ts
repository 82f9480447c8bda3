/** A number in units of 10^−scale: the greatest whole number that is not beyond it. */
export interface ScaledLiteral {
  readonly floor: bigint;
  readonly isExact: boolean;
}

const form = /^([+-]?)(?:(\d+)\.?(\d*)|\.(\d+))(?:e([+-]?\d+))?$/i;
/** Beyond every type. */
const mostDigits = 400;

/** @returns undefined where the text is not a number */
export function scaledLiteral(text: string, scale: number): ScaledLiteral | undefined {
  const match = form.exec(text.trim());
  if (!match) return undefined;
  const [, sign, whole = '', decimals = '', only = '', exponent = '0'] = match;
  const fraction = decimals || only;
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return { floor: 0n, isExact: true };
  const isNegative = sign === '-';
  const shift = Number(exponent) - fraction.length + scale;
  if (digits.length + shift > mostDigits)
    return { floor: (isNegative ? -1n : 1n) * 10n ** BigInt(mostDigits), isExact: true };
  if (digits.length + shift < -1) return { floor: isNegative ? -1n : 0n, isExact: false };
  if (shift >= 0)
    return { floor: (isNegative ? -1n : 1n) * BigInt(digits) * 10n ** BigInt(shift), isExact: true };
  const divisor = 10n ** BigInt(-shift);
  const isExact = BigInt(digits) % divisor === 0n;
  const quotient = BigInt(digits) / divisor;
  return { floor: isNegative ? -quotient - (isExact ? 0n : 1n) : quotient, isExact };
}

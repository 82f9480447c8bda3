import { ValueUnfit } from './unfit.js';

const number = /^([+-]?)(?:(\d+)\.?(\d*)|\.(\d+))(?:e([+-]?\d{1,9}))?$/i;
/** No type holds a number of more digits. */
const mostDigits = 400;

/**
 * A number in units of 10^−scale, exactly.
 * @returns undefined when it is not a finite number, has more decimals, or is far beyond every type
 */
export function unitsOf(value: unknown, scale: number): bigint | undefined {
  if (typeof value === 'bigint') return value * 10n ** BigInt(scale);
  if (typeof value === 'number') return Number.isFinite(value) ? unitsOf(String(value), scale) : undefined;
  if (typeof value !== 'string') return undefined;
  const match = number.exec(value.trim());
  if (!match) return undefined;
  const [, sign, whole = '', decimals = '', onlyDecimals = '', exponent = '0'] = match;
  const fraction = decimals || onlyDecimals;
  const digits = (whole + fraction).replace(/^0+/, '');
  if (digits === '') return 0n;
  const zeros = Number(exponent) - fraction.length + scale;
  if (digits.length + Math.max(0, zeros) > mostDigits + scale) return undefined;
  const kept = zeros < 0 ? digits.slice(0, zeros) : digits;
  if (zeros < 0 && /[^0]/.test(digits.slice(zeros))) return undefined;
  const units = BigInt(kept === '' ? '0' : kept) * 10n ** BigInt(Math.max(0, zeros));
  return sign === '-' ? -units : units;
}

/** @throws ValueUnfit */
export function integerOf(value: unknown, bits: 16 | 32 | 64): bigint {
  const whole = unitsOf(value, 0);
  if (whole === undefined) throw new ValueUnfit(value, 'a whole number');
  if (BigInt.asIntN(bits, whole) !== whole) throw new ValueUnfit(value, `in the range of int${bits}`);
  return whole;
}

/** @throws ValueUnfit */
export function decimalUnits(value: unknown, precision: number, scale: number): bigint {
  const units = unitsOf(value, scale);
  const limit = 10n ** BigInt(precision);
  if (units === undefined || units >= limit || units <= -limit)
    throw new ValueUnfit(value, `a number that decimal(${precision}, ${scale}) holds`);
  return units;
}

/** PostgreSQL's names of what is not a number, and their short forms. */
const special: Readonly<Record<string, number>> = {
  nan: NaN,
  infinity: Infinity,
  '+infinity': Infinity,
  '-infinity': -Infinity,
  inf: Infinity,
  '+inf': Infinity,
  '-inf': -Infinity,
};

/**
 * The nearest floating-point number, as PostgreSQL takes it.
 * @throws ValueUnfit for what is beyond the greatest one, or becomes zero without being it
 */
export function floatOf(value: unknown, bits: 32 | 64): number {
  if (typeof value === 'number') return rounded(value, value, bits);
  if (typeof value === 'bigint') {
    if (BigInt(Number(value)) !== value) throw new ValueUnfit(value, `exact as a float${bits}`);
    return rounded(Number(value), value, bits);
  }
  if (typeof value !== 'string') throw new ValueUnfit(value, 'a number');
  const text = value.trim();
  const named = special[text.toLowerCase()];
  if (named !== undefined) return named;
  if (!number.test(text)) throw new ValueUnfit(value, 'a number');
  const near = Number(text);
  const isLost = !Number.isFinite(near) || (near === 0 && /[1-9]/.test(text.replace(/e.*$/i, '')));
  if (isLost) throw new ValueUnfit(value, `in the range of float${bits}`);
  return rounded(near, value, bits);
}

function rounded(near: number, value: unknown, bits: 32 | 64): number {
  if (bits === 64) return near;
  const single = Math.fround(near);
  if ((Number.isFinite(near) && !Number.isFinite(single)) || (single === 0 && near !== 0))
    throw new ValueUnfit(value, 'in the range of float32');
  return single;
}

const truths = /^(?:t|true|y|yes|on|1)$/i;
const untruths = /^(?:f|false|n|no|off|0)$/i;

/** @throws ValueUnfit */
export function booleanOf(value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string') {
    const text = value.trim();
    if (truths.test(text)) return true;
    if (untruths.test(text)) return false;
  }
  throw new ValueUnfit(value, 'true or false');
}

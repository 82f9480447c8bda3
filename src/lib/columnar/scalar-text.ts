/* Values in PostgreSQL's form of text, with ISO dates. */

const dayMicros = 86_400_000_000n;

/** @param days since 1970-01-01. @see https://howardhinnant.github.io/date_algorithms.html civil_from_days */
export function dateText(days: number): string {
  const { year, rest } = civil(days);
  return year > 0 ? `${pad(year, 4)}-${rest}` : `${pad(1 - year, 4)}-${rest} BC`;
}

/** @param micros since midnight */
export function timeText(micros: bigint): string {
  const [seconds, fraction] = [Number(micros / 1_000_000n), Number(micros % 1_000_000n)];
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const decimals = fraction === 0 ? '' : `.${pad(fraction, 6).replace(/0+$/, '')}`;
  return clock.map((part) => pad(part, 2)).join(':') + decimals;
}

/** @param micros since 1970-01-01 00:00, of UTC where it is an instant */
export function timestampText(micros: bigint, isInstant: boolean): string {
  const ofDay = ((micros % dayMicros) + dayMicros) % dayMicros;
  const { year, rest } = civil(Number((micros - ofDay) / dayMicros));
  const text = `${pad(year > 0 ? year : 1 - year, 4)}-${rest} ${timeText(ofDay)}${isInstant ? '+00' : ''}`;
  return year > 0 ? text : `${text} BC`;
}

/** @param units of 10^−scale */
export function decimalText(units: bigint, scale: number): string {
  const sign = units < 0n ? '-' : '';
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

export function uuidText(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** Digits that are enough to tell a number of 32 bits from all others. */
export function float32Text(value: number): string {
  for (let digits = 6; digits < 9; digits++) {
    const text = String(Number(value.toPrecision(digits)));
    if (Math.fround(Number(text)) === value) return text;
  }
  return String(Number(value.toPrecision(9)));
}

function civil(days: number): { readonly year: number; readonly rest: string } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * month + 2) / 5) + 1;
  const calendarMonth = month < 10 ? month + 3 : month - 9;
  const year = yearOfEra + era * 400 + (calendarMonth <= 2 ? 1 : 0);
  return { year, rest: `${pad(calendarMonth, 2)}-${pad(day, 2)}` };
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}

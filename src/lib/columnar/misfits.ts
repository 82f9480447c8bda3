import type { Misfit } from './refusals.js';

export const infinite: Misfit = { kind: 'infinity', value: 'infinity' };
export const minusInfinite: Misfit = { kind: 'infinity', value: '-infinity' };
export const notANumber: Misfit = { kind: 'notANumber', value: 'NaN' };
/** The greatest number of microseconds since 1970 that 64 bits hold. */
export const lastTime = '294247-01-10 04:00:54.775807';
export const tooLate: Misfit = { kind: 'range', value: `a time after ${lastTime}` };

export function tooManyDigits(precision: number, scale: number): Misfit {
  return { kind: 'digits', value: `a number that decimal(${precision}, ${scale}) does not hold` };
}

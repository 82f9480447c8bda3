import { UserError } from '../../../lib/core/errors.js';

/** @param given whether each flag is, by its name. @throws UserError exit 2 unless exactly one is */
export function requireOneSource(given: Readonly<Record<string, boolean>>): void {
  const count = Object.values(given).filter(Boolean).length;
  if (count === 1) return;
  const names = Object.keys(given);
  throw new UserError(count === 0 ? 'no source is given' : 'more than one source is given', {
    hint: `Give one of ${names.slice(0, -1).join(', ')} and ${names.at(-1)}.`,
  });
}

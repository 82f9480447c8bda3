import { UserError } from '../core/errors.js';

/** The share of one machine: the `index`th, from 1, `of` so many. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}

/** Parses `2/3`. @throws UserError */
export function parseShard(text: string): Shard {
  const [, index = 0, of = 0] = (/^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? []).map(Number);
  if (index < 1 || index > of)
    throw new UserError(`'${text}' is not a shard`, {
      hint: 'Write the number of this machine and how many there are, like 2/3.',
    });
  return { index, of };
}

/** What the `i`th of `parts` gets of a count, from 0, when they share it as equally as whole numbers allow. */
export function part(count: number, parts: number, i: number): number {
  return Math.floor(count / parts) + (i < count % parts ? 1 : 0);
}

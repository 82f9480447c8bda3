import type { ByteString } from '../../core/bytes.js';
import { UserError } from '../../core/errors.js';
import { compileGlob } from '../glob.js';
import type { GuardedLevel } from './guarded-level.js';

/** Which levels a key lives in. */
export class Tiers {
  readonly #all: readonly GuardedLevel[];
  readonly #tiers: { matches: (key: ByteString) => boolean; levels: GuardedLevel[] }[];

  /**
   * @param tiers patterns and the names of their levels; the first that matches counts, else all levels.
   * @throws UserError when a tier names a level that is not there, or two levels have one name.
   */
  constructor(levels: readonly GuardedLevel[], tiers: readonly { pattern: string; levels: string[] }[]) {
    const names = levels.map(({ name }) => name);
    if (new Set(names).size < names.length)
      throw new UserError(`two cache levels have the same name: ${names.join(', ')}`, {
        code: 'LEVEL_TWICE',
      });
    this.#all = levels;
    this.#tiers = tiers.map((tier) => {
      const missing = tier.levels.find((name) => !names.includes(name));
      if (missing !== undefined)
        throw new UserError(`tier '${tier.pattern}' names level '${missing}', which is not there`, {
          code: 'LEVEL_MISSING',
          hint: `Levels: ${names.join(', ')}.`,
        });
      return {
        matches: compileGlob(tier.pattern),
        levels: levels.filter(({ name }) => tier.levels.includes(name)),
      };
    });
  }

  of(key: ByteString): readonly GuardedLevel[] {
    for (const { matches, levels } of this.#tiers) if (matches(key)) return levels;
    return this.#all;
  }
}

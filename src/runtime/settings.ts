import type { UserError } from '../lib/core/errors.js';

/**
 * One environment of the configuration, resolved: see `config/precedence.ts` for what wins. Each section that the program
 * has adds its own member, by its key: see `commands/sections.ts`.
 */
export interface Settings {
  environment: string;
  /** Systems that something names, but not what was asked for: thrown where such a system is needed. */
  refused: Readonly<Record<string, UserError>>;
}

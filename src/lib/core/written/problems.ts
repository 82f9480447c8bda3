import { UserError } from '../errors.js';

/** Something wrong in the configuration, and where: `FILE:LINE:COL`, a variable's name, or `--flag`. */
export interface Problem {
  at: string;
  message: string;
}

/** All problems at once, a line each: `FILE:LINE:COL: message`. */
export class InvalidConfiguration extends UserError {
  override readonly name = 'InvalidConfiguration';
  constructor(
    readonly problems: Problem[],
    hint = problems.every(({ at }) => at.startsWith('--'))
      ? 'Correct the flag.'
      : 'Correct this; `metrify config check` says what else is wrong.',
  ) {
    super(problems.map(({ at, message }) => `${at}: ${message}`).join('\n'), {
      code: 'CONFIG_INVALID',
      hint,
    });
  }
}

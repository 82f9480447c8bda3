import { UserError } from '../../core/errors.js';

/** @param at the place in the text, from 0 on */
export function whereError(text: string, at: number, problem: string, code = 'WHERE_INVALID'): UserError {
  const before = text.slice(Math.max(0, at - 30), at);
  const after = text.slice(at, at + 30);
  return new UserError(`the condition is not understood at character ${at + 1}: ${problem}`, {
    code,
    hint: `Here: ${at > 30 ? '…' : ''}${before}▶${after}${text.length > at + 30 ? '…' : ''}`,
  });
}

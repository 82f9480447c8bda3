import { UserError } from '../../core/errors.js';
import type { SortKey } from './question.js';

/** `value`, `value:desc`. @throws UserError exit 2 */
export function parseSort(text: string): Omit<SortKey, 'near'> {
  const [, field, order = 'asc'] = /^(.+?)(?::(asc|desc))?$/.exec(text) ?? [];
  if (field === undefined) throw new UserError('a sort order needs a field', { code: 'SORT_INVALID' });
  return { field, order: order as 'asc' | 'desc' };
}

import { UserError } from '../../core/errors.js';
import type { SortKey } from './question.js';

/** `value`, `value:desc`. @throws UserError exit 2 */
export function parseSort(text: string): Omit<SortKey, 'near'> {
  const at = text.lastIndexOf(':');
  const field = at < 0 ? text : text.slice(0, at);
  const order = at < 0 ? 'asc' : text.slice(at + 1);
  if (field !== '' && (order === 'asc' || order === 'desc')) return { field, order };
  throw new UserError(`'${text}' is not a field and an order`, {
    code: 'SORT_INVALID',
    hint: 'Write it as FIELD, FIELD:asc or FIELD:desc.',
  });
}

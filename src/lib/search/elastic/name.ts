import { UserError } from '../../core/errors.js';

/** No index, alias or data stream has such a name: it is a pattern, a list, a date formula, of another cluster, or a path. */
const otherThanName = /^$|^[-+_]|^\.\.?$|[\s*?,<>"|\\/#:]/;

/**
 * For whatever works with one index, alias or data stream: servers take patterns and lists in its place.
 * @throws UserError exit 2 `NOT_A_NAME`
 */
export function requireName(name: string): void {
  if (otherThanName.test(name))
    throw new UserError(`'${name}' is not the name of an index, alias or data stream`, {
      code: 'NOT_A_NAME',
      hint: 'Give one name: patterns and lists are only for search query and search status.',
    });
}

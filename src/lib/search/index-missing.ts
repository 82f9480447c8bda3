import { UserError } from '../core/errors.js';

/** Exit 2 `INDEX_MISSING`. @param server for people */
export function indexMissing(server: string, name: string): UserError {
  return new UserError(`${server} has no index, alias or data stream '${name}'`, {
    code: 'INDEX_MISSING',
    hint: 'See what there is: metrify search status',
  });
}

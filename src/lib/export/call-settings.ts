import type * as z from 'zod/mini';

import { UserError } from '../core/errors.js';
import { read } from '../core/schema/findings.js';
import { pathName } from '../core/schema/leaves.js';

/** What a function of the library was called with. @throws UserError `SETTINGS_INVALID` with everything that is wrong */
export function readSettings<T>(call: string, schema: z.ZodMiniType<T>, given: unknown): T {
  const { value, findings } = read(schema, given);
  if (value !== undefined) return value;
  throw new UserError(
    `${call}: ${findings.map(({ path, message }) => `${pathName(path)}: ${message}`).join('; ')}`,
    { code: 'SETTINGS_INVALID', hint: 'docs/export.md says what the options are.' },
  );
}

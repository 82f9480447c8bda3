import * as z from 'zod/mini';

import { storedCount } from '../core/stored-count.js';
import type { SourceIdentity, SourcePosition } from './row-source.js';

/**
 * A position in this source, as a checkpoint has it: with all that reading needs to continue exactly there. A file
 * without the digest of what was read could continue in the middle of a row.
 */
export function storedPosition(identity: SourceIdentity): z.ZodMiniType<SourcePosition> {
  if (identity.kind === 'sql')
    return identity.resumeColumn === undefined
      ? z.object({ rows: storedCount })
      : z.object({ rows: storedCount, value: z.string() });
  if (identity.kind === 'dataset') return z.object({ rows: storedCount });
  return z.object({
    rows: storedCount,
    offset: storedCount,
    line: storedCount,
    sha256: z.string().check(z.regex(/^[0-9a-f]{64}$/)),
  });
}

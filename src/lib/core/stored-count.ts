import * as z from 'zod/mini';

/** A number of rows, bytes, files in something that is stored, and may have been edited. */
export const storedCount = z.int().check(z.nonnegative());

import { open } from 'node:fs/promises';

import { errorMessage, NotWritten, ServiceConflict, systemCode, UserError } from './errors.js';
import { whyUnwritable } from './unwritable.js';

/**
 * Writes a file that is not there yet.
 * @param instead what to do where it is there
 * @throws ServiceConflict `FILE_EXISTS`; UserError `NOT_WRITABLE`; NotWritten when it is incomplete
 */
export async function writeNewFile(
  path: string,
  text: string,
  { mode, instead }: { readonly mode: number; readonly instead: string },
): Promise<void> {
  const file = await open(path, 'wx', mode).catch((error: unknown) => {
    if (systemCode(error) === 'EEXIST')
      throw new ServiceConflict(`${path} exists, and is not overwritten`, {
        code: 'FILE_EXISTS',
        hint: instead,
      });
    throw new UserError(`${path} cannot be written: ${whyUnwritable(error)}`, {
      code: 'NOT_WRITABLE',
      hint: 'Check the path and its permissions.',
    });
  });
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    throw new NotWritten(`${path} is incomplete: ${errorMessage(error)}`, { cause: error });
  } finally {
    await file.close();
  }
}

import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';

import { UserError } from '../../../lib/core/errors.js';
import { readText } from '../../../lib/core/input-file.js';
import { unreadable } from '../../../lib/core/unreadable.js';
import { selectOnly } from '../../../lib/sql/select-only.js';

/**
 * The one query in `--sql`, which is the text itself or `@FILE`, as `selectOnly` prints it.
 * @throws UserError exit 2; as {@link selectOnly}
 */
export async function readQuery(sql: string, cwd: string): Promise<string> {
  if (sql.startsWith('@')) return selectOnly(await readQueryFile(resolve(cwd, sql.slice(1))));
  try {
    return await selectOnly(sql);
  } catch (error) {
    if (!(error instanceof UserError) || !(await isFile(resolve(cwd, sql)))) throw error;
    throw new UserError(`--sql '${sql}' is the name of a file`, {
      code: error.code,
      hint: `Write --sql @${sql} to run what is in it.`,
      cause: error,
    });
  }
}

async function readQueryFile(path: string): Promise<string> {
  try {
    return await readText(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function isFile(path: string): Promise<boolean> {
  // Most texts of SQL are no paths at all: too long, or with a NUL byte.
  return stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
}

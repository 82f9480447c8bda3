import { resolve } from 'node:path';
import { UserError, systemCode } from '../errors.js';
import { readText } from '../input-file.js';
import type { Description } from '../schema/section.js';
import { pathProblem } from '../unreadable.js';
import { Document } from './document.js';
import { label } from './label.js';
import { InvalidConfiguration } from './problems.js';

/** What a file describes: a mapping that is not checked yet, because flags may complete it. */
export interface DescribedFile {
  path: string;
  /** Its name in messages. */
  label: string;
  document: Document;
  data: Record<string, unknown>;
}

/**
 * @param what it describes, for messages: `a rollout`
 * @throws UserError when it cannot be read; InvalidConfiguration when it is not a YAML mapping
 */
export async function readDescribed(
  name: string,
  cwd: string,
  {
    what,
    code,
    example,
    hint = 'Name one that exists with -f FILE.',
  }: Pick<Description, 'what' | 'code' | 'example' | 'hint'>,
): Promise<DescribedFile> {
  const path = resolve(cwd, name);
  const shown = label(path, cwd);
  const text = await readText(path).catch((error: unknown) => {
    if (error instanceof UserError) throw error;
    if (systemCode(error) === 'ENOENT')
      throw new UserError(`there is no file ${path} that describes ${what}`, {
        code: `${code}_NOT_FOUND`,
        hint,
      });
    throw new UserError(`the description of ${what}, ${path}, cannot be read: ${pathProblem(error)}`, {
      code: `${code}_UNREADABLE`,
      hint: 'Check the path and its permissions.',
      cause: error,
    });
  });
  const document = new Document(text, shown);
  if (typeof document.data !== 'object' || document.data === null || Array.isArray(document.data))
    throw new InvalidConfiguration(
      [{ at: document.at([]), message: `must be a mapping: ${example}` }],
      'docs/configuration.md has an example.',
    );
  return { path, label: shown, document, data: document.data as Record<string, unknown> };
}

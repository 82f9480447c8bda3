import { UserError } from '../../core/errors.js';
import { readText } from '../../core/input-file.js';
import { unreadable } from '../../core/unreadable.js';

/** A rule in the format of Solr: `a, b`, or `a, b => c`. @throws UserError */
export function readSynonym(text: string): string {
  const sides = text.split('=>').map((side) => side.split(',').map((word) => word.trim()));
  const words = sides.flat();
  if (sides.length > 2 || words.length < 2 || words.includes('') || /[\r\n]/.test(text))
    throw new UserError(`'${text}' is not a rule of synonyms`, {
      hint: 'Write words for the same with commas (trafo, transformer), or what stands for what (trafo => transformer).',
    });
  return sides.map((side) => side.join(', ')).join(' => ');
}

/** A rule a line; empty lines and those that begin with `#` do not count. @throws UserError, with the line */
export async function readSynonymsFile(path: string): Promise<readonly string[]> {
  const content = await readText(path).catch((error: unknown) => {
    throw unreadable(path, error);
  });
  return content.split(/\r?\n/).flatMap((line, index) => {
    if (line.trim() === '' || line.trimStart().startsWith('#')) return [];
    try {
      return [readSynonym(line.trim())];
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(`${path}:${index + 1}: ${error.message}`, {
        ...(error.hint === undefined ? {} : { hint: error.hint }),
        code: 'SYNONYMS_INVALID',
      });
    }
  });
}

import { keyText, readKey } from '../../../lib/cache/key-text.js';
import { UserError } from '../../../lib/core/errors.js';
import { ExitCode } from '../../../lib/core/exit-codes.js';

/**
 * The key that was named, or all that are held back, in the text of keys.
 * @throws UserError when it is neither or not held. */
export async function chosenKeys(
  { key, all }: { key: string | undefined; all: boolean },
  held: () => AsyncIterable<string>,
): Promise<{ keys: string[] }> {
  if ((key === undefined) === !all)
    throw new UserError(key === undefined ? 'nothing says which keys' : 'a key and --all are given', {
      hint: 'Give one key, or --all. The held ones: metrify cache queue status',
    });
  const keys: string[] = [];
  const wanted = key === undefined ? undefined : keyText(readKey(key));
  for await (const one of held()) if (all || one === wanted) keys.push(one);
  if (key !== undefined && keys.length === 0)
    throw new UserError(`'${key}' is not held back`, {
      code: 'NOT_HELD',
      hint: 'The keys that are: metrify cache queue status',
      exitCode: ExitCode.refused,
    });
  return { keys };
}

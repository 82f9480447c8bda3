import { keyText, readKey } from '../../../lib/cache/key-text.js';
import type { Held } from '../../../lib/cache/write-behind/queue.js';
import { UserError } from '../../../lib/core/errors.js';
import { ExitCode } from '../../../lib/core/exit-codes.js';
import { formatCount } from '../../../lib/core/units.js';
import type { Printer } from '../../../runtime/printer.js';

/** The key that was named, in its text; undefined: all that are held back. @throws UserError when it is neither. */
export function keyOrAll({ key, all }: { key: string | undefined; all: boolean }): string | undefined {
  if ((key === undefined) === !all)
    throw new UserError(key === undefined ? 'nothing says which keys' : 'a key and --all are given', {
      hint: 'Give one key, or --all. The held ones: metrify cache queue status',
    });
  return key === undefined ? undefined : keyText(readKey(key));
}

/** @throws UserError exit 4 when the key that was named is not held. */
export async function chosenKeys(key: string | undefined, held: AsyncIterable<Held>): Promise<Held[]> {
  const keys: Held[] = [];
  for await (const one of held) if (key === undefined || one.key === key) keys.push(one);
  if (key !== undefined && keys.length === 0)
    throw new UserError(`'${key}' is not held back`, {
      code: 'NOT_HELD',
      hint: 'The keys that are: metrify cache queue status',
      exitCode: ExitCode.refused,
    });
  return keys;
}

export function warnOfUncertain(uncertain: number | undefined, printer: Printer): void {
  if (uncertain !== undefined)
    printer.warn(`${formatCount(uncertain)} more may have been let go: their answers were lost`);
}

import type { Held } from '../../../lib/cache/write-behind/queue.js';
import { UserError } from '../../../lib/core/errors.js';
import { ExitCode } from '../../../lib/core/exit-codes.js';
import { formatCount } from '../../../lib/core/units.js';
import type { Printer } from '../../../runtime/printer.js';

/** The key that was named, or all that are held back. @throws UserError when it is neither or not held. */
export async function chosenKeys(
  { key, all }: { key: string | undefined; all: boolean },
  held: () => AsyncIterable<Held>,
): Promise<{ keys: Held[] }> {
  if ((key === undefined) === !all)
    throw new UserError(key === undefined ? 'nothing says which keys' : 'a key and --all are given', {
      hint: 'Give one key, or --all. The held ones: metrify cache queue status',
    });
  const keys: Held[] = [];
  for await (const one of held()) if (all || one.key === key) keys.push(one);
  if (key !== undefined && keys.length === 0)
    throw new UserError(`'${key}' is not held back`, {
      code: 'NOT_HELD',
      hint: 'The keys that are: metrify cache queue status',
      exitCode: ExitCode.refused,
    });
  return { keys };
}

export function warnOfUncertain(uncertain: number | undefined, printer: Printer): void {
  if (uncertain !== undefined)
    printer.warn(`${formatCount(uncertain)} more may have been let go: their answers were lost`);
}

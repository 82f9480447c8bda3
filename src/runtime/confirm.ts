import { createInterface } from 'node:readline/promises';

import { UserError } from '../lib/core/errors.js';
import { ExitCode } from '../lib/core/exit-codes.js';
import type { Terminal } from './terminal.js';

export interface ConfirmOptions {
  /** The name given with `--confirm`. */
  given: string | undefined;
  /** A person may be asked. */
  ask: boolean;
  signal: AbortSignal;
}

/** Lets a destructive command go on only when its target was named. */
export async function confirmTarget(
  name: string,
  what: string,
  terminal: Terminal,
  { given, ask, signal }: ConfirmOptions,
): Promise<void> {
  if (given === name) return;
  if (given !== undefined)
    throw refusal(`--confirm names '${given}', but this would ${what} in '${name}'`, name);
  if (!ask) throw refusal(`this would ${what} in '${name}', and was not confirmed`, name);
  const readline = createInterface({ input: terminal.stdin, output: terminal.stderr });
  try {
    const answer = await readline.question(`This will ${what}. Type '${name}' to go on: `, { signal });
    if (answer.trim() !== name)
      throw refusal(`'${answer.trim()}' is not '${name}': nothing was changed`, name);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    readline.close();
  }
}

function refusal(message: string, name: string): UserError {
  return new UserError(message, {
    code: 'CONFIRMATION_MISSING',
    hint: `To go on, add --confirm ${name}`,
    exitCode: ExitCode.refused,
  });
}

import { UserError } from '../lib/core/errors.js';
import { ExitCode } from '../lib/core/exit-codes.js';
import { escapeLine } from './escape.js';
import type { Terminal } from './terminal.js';
import { wrap } from './wrap.js';

export interface ConfirmOptions {
  /** The name given with `--confirm`. */
  given: string | undefined;
  /** A person may be asked. */
  ask: boolean;
  /** What will go, of how much. */
  howMuch: (() => Promise<string>) | undefined;
  signal: AbortSignal;
}

/** Lets a destructive command continue only when its target was named. */
export async function confirmTarget(
  name: string,
  what: string,
  terminal: Terminal,
  { given, ask, howMuch, signal }: ConfirmOptions,
): Promise<void> {
  if (given === name) return;
  if (given !== undefined)
    throw refusal(`--confirm names '${given}', but this would ${what} in '${name}'`, name);
  if (!ask) throw refusal(`this would ${what} in '${name}', and was not confirmed`, name);
  const { redactor } = terminal;
  const shown = (text: string) => wrap(escapeLine(redactor.text(text)), terminal.width);
  const much = howMuch === undefined ? '' : `: ${await howMuch()}`;
  for (const line of shown(`This will ${what}${much}.`)) terminal.stderr.write(`${line}\n`);
  terminal.stderr.write(shown(`Type '${name}' to continue: `).join('\n'));
  const answer = await readAnswer(terminal, signal);
  if (answer === name) return;
  const said = answer === '' ? 'no name was typed' : `'${answer}' is not '${name}'`;
  throw refusal(`${said}: nothing was changed`, name);
}

/** One line; '' when the input ends (Ctrl-D). The terminal stays as it is, so that Ctrl-C is a signal. */
async function readAnswer(terminal: Terminal, signal: AbortSignal): Promise<string> {
  const { createInterface } = await import('node:readline');
  const readline = createInterface({ input: terminal.stdin, terminal: false });
  try {
    return await new Promise((resolve, reject) => {
      readline.once('line', (line) => resolve(line.trim()));
      readline.once('close', () => {
        terminal.stderr.write('\n');
        resolve('');
      });
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      if (signal.aborted) reject(signal.reason as Error);
    });
  } finally {
    readline.removeAllListeners('close').close();
  }
}

function refusal(message: string, name: string): UserError {
  return new UserError(message, {
    code: 'CONFIRMATION_MISSING',
    hint: `To continue, add --confirm ${name}`,
    exitCode: ExitCode.refused,
  });
}

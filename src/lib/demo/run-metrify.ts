import { UserError } from '../core/errors.js';
import { ExitCode } from '../core/exit-codes.js';
import { shellWord } from '../core/shell.js';
import type { Premises, Started } from './premises.js';
import type { CommandReport, Narrator } from './stage.js';

export interface Shell {
  premises: Premises;
  narrator: Narrator;
  signal: AbortSignal;
  /** The executable and its first arguments. */
  self: readonly string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
}

/**
 * Runs the CLI as a child process, telling the command and what it prints. A Ctrl-C is passed on to it once.
 * @throws UserError when it ends otherwise than expected; the signal's reason.
 */
export async function runMetrify(
  shell: Shell,
  args: readonly string[],
  { exitCode = 0 }: Expected = {},
): Promise<CommandReport> {
  const { narrator, signal } = shell;
  const command = commandLine(args);
  const child = await startMetrify(shell, args);
  const stop = () => void child.stop();
  signal.addEventListener('abort', stop, { once: true });
  const { code, signal: killedBy } = await child.ended;
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();

  const complaints = child.stderr().trim();
  tell(narrator, child.stdout());
  if (code !== exitCode)
    throw new UserError(`\`${command}\` ended with ${killedBy ?? `exit code ${code}`}`, {
      code: 'DEMO_STEP_FAILED',
      exitCode: ExitCode.bug,
      ...(complaints === '' ? {} : { hint: complaints }),
    });
  if (complaints !== '') tell(narrator, complaints, (line) => narrator.dim(line));
  return { command, exitCode: code };
}

export interface Expected {
  /** With which the command has to end; 0 where it is not said. */
  exitCode?: number;
}

function tell(narrator: Narrator, text: string, style = (line: string) => line): void {
  const printed = text.replace(/^\n+|\s+$/g, '');
  if (printed === '') return;
  for (const line of printed.split('\n')) narrator.line(line === '' ? '' : style(`  ${line}`));
}

/** Starts the CLI, telling the command. */
export async function startMetrify(shell: Shell, args: readonly string[]): Promise<Started> {
  shell.narrator.line(shell.narrator.bold(`$ ${commandLine(args)}`));
  shell.signal.throwIfAborted();
  const [program, ...first] = shell.self as [string, ...string[]];
  return shell.premises.start(program, [...first, ...args], { env: shell.env, cwd: shell.cwd });
}

function commandLine(args: readonly string[]): string {
  return ['metrify', ...args].map(shellWord).join(' ');
}

import { commandTable } from './commands/table.js';
import { UserError } from './lib/core/errors.js';
import { ExitCode } from './lib/core/exit-codes.js';
import { type Host, processHost } from './runtime/host.js';
import type { Program } from './runtime/program.js';
import { version } from './version.js';

const program: Program = {
  commands: commandTable,
  sections: async () => (await import('./commands/sections.js')).sections,
  descriptions: async () => (await import('./commands/sections.js')).descriptions,
};

/** Runs the command that the arguments name, and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  const host = processHost();
  await host.finish(await dispatch(argv, host));
}

/** Runs the command that the arguments name. @returns its exit code */
export async function dispatch(argv: readonly string[], host: Host): Promise<ExitCode> {
  const [{ refusePasswordsOnCommandLine }, { parseCommandLine }, { runCommand }] = await Promise.all([
    import('./runtime/config/command-line.js'),
    import('./runtime/program.js'),
    import('./runtime/run.js'),
  ]);
  try {
    await refusePasswordsOnCommandLine(argv, program.sections);
    const invocation = await parseCommandLine(argv, commandTable, {
      version,
      color: host.color,
      width: host.terminal.width,
      write: host.stdout,
    });
    return invocation ? await runCommand(invocation, host, program) : ExitCode.ok;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { reportUsage } = await import('./runtime/failure.js');
    return reportUsage(error, argv, host);
  }
}

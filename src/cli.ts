import { fileURLToPath } from 'node:url';

import { commandTable } from './commands/table.js';
import { UserError } from './lib/core/errors.js';
import { ExitCode } from './lib/core/exit-codes.js';
import { programHelp } from './runtime/help.js';
import { type Host, processHost } from './runtime/host.js';
import type { Program } from './runtime/program.js';
import { version } from './version.js';

const program: Program = {
  commands: commandTable,
  sections: async () => (await import('./commands/sections.js')).sections,
};

export async function main(): Promise<void> {
  const host = processHost(fileURLToPath(new URL('../bin/metrify.js', import.meta.url)));
  const argv = process.argv.slice(2);
  await host.finish(isHelp(argv) ? printHelp(host) : await dispatch(argv, host));
}

/** The page that people ask for most needs neither a parser nor a runtime, and so loads none. */
function isHelp(argv: readonly string[]): boolean {
  return argv.length === 0 || (argv.length === 1 && (argv[0] === '--help' || argv[0] === '-h'));
}

function printHelp(host: Host): ExitCode {
  const summaries = Object.entries(commandTable).map(([name, { summary }]): [string, string] => [
    name,
    summary,
  ]);
  host.stdout(programHelp(summaries, { color: host.color, width: host.terminal.width }));
  return ExitCode.ok;
}

async function dispatch(argv: readonly string[], host: Host): Promise<ExitCode> {
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

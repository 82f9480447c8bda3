import { fileURLToPath } from 'node:url';

import { UserError } from './lib/core/errors.js';
import { ExitCode } from './lib/core/exit-codes.js';
import { commandTable } from './commands/table.js';
import { refusePasswordsOnCommandLine } from './runtime/config/command-line.js';
import { processHost } from './runtime/host.js';
import { parseCommandLine } from './runtime/program.js';
import { reportUsage } from './runtime/failure.js';
import { runCommand } from './runtime/run.js';
import { version } from './version.js';

export async function main(): Promise<void> {
  const host = processHost(fileURLToPath(new URL('../bin/metrify.js', import.meta.url)));
  const argv = process.argv.slice(2);
  let code: ExitCode;
  try {
    refusePasswordsOnCommandLine(argv);
    const invocation = await parseCommandLine(argv, commandTable, {
      version,
      color: host.color,
      width: host.terminal.width,
      write: host.stdout,
    });
    code = invocation ? await runCommand(invocation, host, commandTable) : ExitCode.ok;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    code = reportUsage(error, argv, host);
  }
  await host.finish(code);
}

/*
 * The executable. The help page needs neither a parser nor a runtime, so it is bundled separately, as CommonJS, which Node starts
 * sooner than a module. Everything else is loaded from main.js.
 */
import { commandTable } from './commands/table.js';
import { ExitCode } from './lib/core/exit-codes.js';
import { programHelp } from './runtime/help.js';
import { processHost } from './runtime/host.js';

const argv = process.argv.slice(2);
const asksForHelp = argv.length === 0 || (argv.length === 1 && (argv[0] === '--help' || argv[0] === '-h'));
void (asksForHelp ? printHelp() : import('./main.js').then(({ main }) => main(argv)));

async function printHelp(): Promise<void> {
  const host = processHost();
  const summaries = Object.entries(commandTable).map(([name, { summary }]): [string, string] => [
    name,
    summary,
  ]);
  host.stdout(programHelp(summaries, { color: host.color, width: host.terminal.width }));
  await host.finish(ExitCode.ok);
}

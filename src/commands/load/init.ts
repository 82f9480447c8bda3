import { resolve } from 'node:path';

import { writeNewFile } from '../../lib/core/new-file.js';
import { exampleScenario } from '../../lib/load/scenario/example.js';
import { changeCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';

export const init = changeCommand({
  name: 'load init',
  summary: 'write a scenario to begin with, with a comment for each part',
  description:
    'The example is a metering API: readings that are read and written, and a forecast. An existing file is never overwritten.',
  flags: {
    to: flag.file({ access: 'write', help: 'the file (default: load.yaml in this folder)' }),
  },
  examples: [
    { does: 'Write it under another name', command: 'metrify load init --to staging.yaml' },
    { does: 'See what it would write', command: 'metrify load init --dry-run' },
  ],
  prepare: async ({ to = 'load.yaml' }, context) => ({
    path: resolve(context.cwd, to),
    text: exampleScenario,
  }),
  preview: (draft) => draft,
  presentPreview: ({ text }, printer) => printer.block(text.trimEnd()),
  async run({ path, text }) {
    await writeNewFile(path, text, {
      mode: 0o644,
      instead: 'Name another file with --to.',
    });
    return { verdict: 'ok' as const, result: { path } };
  },
  present({ path }: { path: string }, printer) {
    printer.ok(`${path} written`);
    printer.line(printer.dim(`      Next: set its target, then metrify load try ${path}`));
  },
});

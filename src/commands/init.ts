import { resolve } from 'node:path';

import { answers } from '../lib/clients/answers.js';
import { writeNewFile } from '../lib/core/new-file.js';
import { changeCommand } from '../runtime/command.js';
import { draftConfig } from '../runtime/config/draft.js';
import { flag } from '../runtime/flags.js';

const patienceMs = 1000;

interface Draft {
  path: string;
  text: string;
  systems: { system: string; from: string }[];
}

export const init = changeCommand({
  name: 'init',
  summary:
    'write a configuration to begin with, from the variables that are set and the servers that answer here',
  synonyms: ['setup'],
  description:
    'Tries the usual ports on loopback for a second. Secrets become references to their variables. An existing file is ' +
    'never overwritten.',
  flags: {
    to: flag.file({ access: 'write', help: 'the file (default: metrify.config.yaml in this folder)' }),
  },
  examples: [
    { does: 'See what it would write', command: 'metrify init --dry-run' },
    { does: 'Write it under another name', command: 'metrify init --to staging.yaml' },
  ],

  async prepare({ to = 'metrify.config.yaml' }, context): Promise<Draft> {
    const sections = await context.sections();
    const found = await Promise.all(
      sections.flatMap(({ key, usualAddress }) =>
        usualAddress === undefined
          ? []
          : answers(usualAddress, patienceMs, context.signal).then((is) => ({ key, answers: is })),
      ),
    );
    return { path: resolve(context.cwd, to), ...draftConfig(sections, found, context.env) };
  },

  preview: async (draft) => draft,
  presentPreview: ({ text }, printer) => printer.block(text.trimEnd()),

  async run({ path, text, systems }) {
    await writeNewFile(path, text, {
      mode: 0o600,
      instead: 'Name another file with --to, or see what would be written with --dry-run.',
    });
    return { verdict: 'ok', result: { path, systems } };
  },

  present({ path, systems }: Pick<Draft, 'path' | 'systems'>, printer) {
    for (const { system, from } of systems) printer.ok(`${system}: ${from}`);
    if (systems.length === 0)
      printer.warn('no variable names a system, and none answers on its usual port here');
    printer.ok(`${path} written`);
    printer.line(printer.dim('      Next: metrify config check, then metrify doctor'));
  },
});

import { access, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { exportK6 } from '../../lib/load/export/k6.js';
import { exportLoad } from '../../lib/load/export/load.js';
import { exportLocust } from '../../lib/load/export/locust.js';
import { type Exported, exportSource, type ExportSource } from '../../lib/load/export/source.js';
import { exportVegeta } from '../../lib/load/export/vegeta.js';
import { ServiceConflict, UserError } from '../../lib/core/errors.js';
import { writeFileAtomic } from '../../lib/core/files.js';
import { whyUnwritable } from '../../lib/core/unwritable.js';
import { changeCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import { loadFlags, overlayLoad } from './shared/load-flags.js';
import { readPortable } from './shared/read-scenario.js';

const engines: Readonly<Record<'k6' | 'locust' | 'vegeta', (source: ExportSource) => Exported>> = {
  k6: exportK6,
  locust: exportLocust,
  vegeta: exportVegeta,
};

/** How they are started, in their folder. */
const starts = {
  k6: 'k6 run script.js',
  locust: 'locust -f locustfile.py --headless',
  vegeta: 'sh attack.sh',
} as const;

export const exportScenario = changeCommand({
  name: 'load export',
  summary: 'write a scenario as a program for k6, Locust or vegeta',
  description:
    'For load beyond one machine. The same tasks with their weights, waits, captures, checks and thresholds, as far as the ' +
    'other engine has them: what it does not have is said, here and in a comment. Secrets are read from environment variables, ' +
    'and are in no file.',
  synonyms: ['load convert'],
  args: { scenario: { help: 'a YAML file', required: true } },
  flags: {
    engine: flag.choice(['k6', 'locust', 'vegeta'], { help: 'for which program' }),
    to: flag.file({ access: 'write', placeholder: 'DIR', help: 'the folder in which its files are written' }),
    ...loadFlags,
  },
  examples: [
    {
      does: 'a script for k6, and a TestRun for k6-operator',
      command: 'metrify load export scenario.yaml --engine k6 --to k6',
    },
    {
      does: 'targets for vegeta, and how it is started',
      command: 'metrify load export scenario.yaml --engine vegeta --to vegeta',
    },
  ],

  async prepare(input, context) {
    const { engine, to } = input;
    if (engine === undefined || to === undefined)
      throw new UserError(`--${engine === undefined ? 'engine' : 'to'} is missing`, {
        hint: 'Give an engine and a folder: --engine k6 --to k6',
      });
    const { scenario, materials, label, secrets } = await readPortable(input.scenario, context);
    const isSecret = (name: string) => secrets.some((secret) => secret.name === name);
    const variables = Object.entries(scenario.variables ?? {}).filter(([name]) => !isSecret(name));
    const source = exportSource(
      { ...scenario, variables: Object.fromEntries(variables) },
      { label, secrets, ...materials, ...exportLoad(overlayLoad(scenario, input)) },
    );
    const { files, losses } = engines[engine](source);
    for (const loss of losses) context.warn(loss.replace(/\.$/, ''));
    return {
      files,
      path: resolve(context.cwd, to),
      result: {
        engine,
        folder: to,
        files: [...files.keys()],
        losses,
        variables: secrets.map(({ variable }) => variable),
        start: starts[engine],
      },
    };
  },

  preview: ({ result }) => result,
  presentPreview: ({ folder, files }, printer) => printer.line(`would write ${folder}: ${files.join(', ')}`),

  async run({ files, path, result }) {
    const isThere = await Promise.all([...files.keys()].map((name) => exists(join(path, name))));
    const taken = [...files.keys()].find((_, i) => isThere[i]);
    if (taken !== undefined)
      throw new ServiceConflict(`${join(path, taken)} exists, and is not overwritten`, {
        code: 'FILE_EXISTS',
        hint: 'Name another folder with --to.',
      });
    try {
      await mkdir(path, { recursive: true });
      for (const [name, text] of files) await writeFileAtomic(join(path, name), text);
    } catch (error) {
      throw new UserError(`${path} cannot be written: ${whyUnwritable(error)}`, { code: 'NOT_WRITABLE' });
    }
    return { verdict: 'ok', result };
  },

  present({ folder, files, start, variables }, printer) {
    printer.ok(`${folder}: ${files.join(', ')}`);
    if (variables.length > 0) printer.line(`It reads ${variables.join(', ')} from its environment.`);
    printer.line(`Start it there with: ${start}`);
  },
});

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    // What cannot be looked at is told when it is written.
    () => false,
  );
}

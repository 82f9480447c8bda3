import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { sections } from '../../../src/commands/sections.js';
import { commandTable } from '../../../src/commands/table.js';
import { FileRoles } from '../../../src/lib/core/file-roles.js';
import { Redactor } from '../../../src/lib/core/secrets/redactor.js';
import { loadSettings } from '../../../src/runtime/config/load.js';
import { enterFiles } from '../../../src/runtime/files.js';
import { flagName, type Flags } from '../../../src/runtime/flags.js';
import { commandFlags, globalFlags } from '../../../src/runtime/global-flags.js';
import { loadAll, parseCommandLine } from '../../../src/runtime/program.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-files-'));
  writeFileSync(join(folder, 'one'), 'environments: {}\n');
  writeFileSync(join(folder, 'secret'), 'hunter2\n', { mode: 0o600 });
  writeFileSync(
    join(folder, 'metrify.config.yaml'),
    'environments: { default: { redis: { url: "rediss://h", password: { file: secret }, tlsCa: ca.pem } } }\n',
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Enters the files of a command line, as the runtime does before it runs the command. */
async function enter(argv: string[]): Promise<void> {
  const options = { version: '0', color: false, width: 100, write: () => {} };
  const invocation = await parseCommandLine(argv, commandTable, options);
  const input = {
    overrides: {},
    env: {},
    cwd: folder,
    home: folder,
    uid: undefined,
    redactor: new Redactor(),
    ...configOf(argv),
  };
  await enterFiles(new FileRoles(), invocation!, input, () => loadSettings(sections, input));
}

function configOf(argv: string[]): { configFile?: string } {
  const at = argv.indexOf('--config');
  return at < 0 ? {} : { configFile: argv[at + 1]! };
}

const verbs = (await loadAll(commandTable)).flatMap(({ command }) => command ?? []);

describe.each(verbs.map((command) => ({ command, name: command.name })))('$name', ({ command }) => {
  const flags: Flags = { ...globalFlags, ...commandFlags(command) };
  const files = Object.entries(flags).filter(([, { file }]) => file !== undefined);
  const words = [
    ...command.name.split(' '),
    ...Object.values(command.args).flatMap(({ required, complete }) =>
      required ? [Array.isArray(complete) ? complete[0] : 'x'] : [],
    ),
  ];
  const given = (key: string, path: string) => [flagName(key), `${flags[key]!.filePrefix ?? ''}${path}`];
  const pairs = files.flatMap(([a], i) => files.slice(i + 1).map(([b]) => [a, b] as const));

  it('has no file of two flags that one of them writes', async () => {
    for (const [a, b] of pairs) {
      const entered = enter([...words, ...given(a, 'one'), ...given(b, './one')]);
      if (flags[a]!.file === 'read' && flags[b]!.file === 'read') await entered;
      else await expect(entered, `${a} and ${b}`).rejects.toMatchObject({ code: 'SAME_FILE', exitCode: 2 });
    }
  });

  it('writes neither the configuration nor a file that it names', async () => {
    for (const [key] of files.filter(([, { file }]) => file === 'write'))
      for (const path of ['metrify.config.yaml', 'secret', 'ca.pem'])
        await expect(enter([...words, ...given(key, path)]), `${key} ${path}`).rejects.toMatchObject({
          code: 'SAME_FILE',
        });
  });
});

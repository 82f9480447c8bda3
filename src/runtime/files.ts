import { dirname, resolve } from 'node:path';

import type { FileRole, FileRoles } from '../lib/core/file-roles.js';
import { findConfig } from './config/find.js';
import type { LoadedSettings, SettingsInput } from './config/load.js';
import { type Flags, flagName, pathOf } from './flags.js';
import { commandFlags, globalFlags } from './global-flags.js';
import type { Invocation } from './program.js';

/** What the shell opened is there already: it only must not be a file that a flag has written. */
const standardStreams: readonly FileRole[] = [
  { name: 'standard input', path: '/dev/stdin', access: 'read' },
  { name: 'standard output', path: '/dev/stdout', access: 'read' },
  { name: 'standard error', path: '/dev/stderr', access: 'read' },
];

/**
 * Enters all files that the command line names, and where one of them is written also the configuration's.
 * @throws UserError exit 2 when one of them would overwrite another.
 */
export async function enterFiles(
  files: FileRoles,
  { command, input, globals }: Invocation,
  settingsInput: SettingsInput,
  load: () => Promise<LoadedSettings>,
): Promise<void> {
  const { cwd } = settingsInput;
  await files.add(
    ...standardStreams,
    ...flagRoles(globalFlags, globals, cwd),
    ...flagRoles(commandFlags(command), { ...input, ...globals }, cwd),
  );
  if (!files.writes) return;
  // Should there be something wrong with the configuration, the command says so if it needs it.
  const found = await findConfig(settingsInput).catch(() => undefined);
  if (found) await files.add(configurationRole(found.path));
  const loaded = await load().catch(() => undefined);
  if (loaded) await files.add(...configurationRoles(loaded));
}

/** The configuration and the files that its settings name. */
export function configurationRoles({ file, origins, files }: LoadedSettings): FileRole[] {
  const secrets = origins.flatMap(({ path, via }) =>
    file !== undefined && via?.startsWith('file ')
      ? [{ setting: path, path: resolve(dirname(file), via.slice(5)) }]
      : [],
  );
  return [
    ...(file === undefined ? [] : [configurationRole(file)]),
    ...[...secrets, ...files].map(({ setting, path }): FileRole => ({
      name: `the setting ${setting}`,
      path,
      access: 'read',
    })),
  ];
}

function configurationRole(path: string): FileRole {
  return { name: 'the configuration', path, access: 'read' };
}

function flagRoles(flags: Flags, values: Readonly<Record<string, unknown>>, cwd: string): FileRole[] {
  return Object.entries(flags).flatMap(([key, flag]) => {
    const path = pathOf(flag, values[key]);
    return path === undefined ? [] : [{ name: flagName(key), path: resolve(cwd, path), access: flag.file! }];
  });
}

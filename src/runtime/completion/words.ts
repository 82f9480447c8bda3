import { type Candidates, type Flag, type Flags, flagName, flagNames } from '../flags.js';
import { commandFlags, globalFlags } from '../global-flags.js';
import type { LoadedCommands } from '../program.js';

/** What a value can be. */
export type Values =
  | { kind: 'words'; words: readonly string[] }
  /** Looked up in the configuration: `levels`. */
  | { kind: 'names'; of: string }
  /** Paths, behind this: '' or `@`. */
  | { kind: 'files'; prefix: string }
  /** Nobody can know. */
  | { kind: 'any' };

export interface FlagWord {
  /** All ways to type it; the long one is the last. */
  names: string[];
  help: string;
  short: string | undefined;
  /** Undefined: it takes none. */
  value: Values | undefined;
  /** It takes several, with commas. */
  several: boolean;
}

/** What may follow a command line's words. */
export interface Words {
  /** `cache warm`; the program itself is ''. */
  path: string;
  children: { name: string; help: string }[];
  /** By position. */
  args: { value: Values; help: string; many: boolean }[];
  flags: FlagWord[];
}

/** Global flags are accepted everywhere; they are those of the program itself. */
export function collectWords(commands: LoadedCommands): Words[] {
  return commands.map(({ path, children, command }) => ({
    path,
    children: children.map(({ name, summary: help }) => ({ name, help })),
    args: Object.values(command?.args ?? {})
      .filter(({ hidden }) => !hidden)
      .map(({ complete, help, many }) => ({ value: valuesOf(complete), help, many: many ?? false })),
    flags: [
      ...(command ? flagWords(commandFlags(command)) : []),
      ...(path === '' ? flagWords(globalFlags) : []),
    ],
  }));
}

function flagWords(flags: Flags): FlagWord[] {
  return Object.entries(flags).map(([key, flag]) => ({
    names: [...new Set([...flagNames(key, flag), flagName(key)])],
    help: flag.help,
    short: flag.short,
    value: valueOf(flag),
    several: flag.kind === 'list',
  }));
}

function valueOf({ kind, file, filePrefix = '', choices, complete }: Flag): Values | undefined {
  if (kind === 'boolean') return undefined;
  return file === undefined ? valuesOf(complete ?? choices) : { kind: 'files', prefix: filePrefix };
}

function valuesOf(candidates: Candidates | undefined): Values {
  if (candidates === undefined) return { kind: 'any' };
  return typeof candidates === 'string'
    ? { kind: 'names', of: candidates }
    : { kind: 'words', words: candidates };
}

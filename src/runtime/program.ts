import { Command as Commander, CommanderError, Help, Option } from 'commander';

import { UserError } from '../lib/core/errors.js';
import type { Command } from './command.js';
import { type Flag, type Flags, flagName } from './flags.js';
import { globalFlags, sharedFlags, shortFlags, type GlobalValues } from './global-flags.js';

/** A group of verbs, or a single command; nothing is imported before it is asked for. */
export type CommandTable = Record<string, GroupEntry | CommandEntry>;
export interface CommandEntry {
  summary: string;
  load(): Promise<Command>;
}
export interface GroupEntry {
  summary: string;
  verbs: Record<string, (() => Promise<Command>) | GroupEntry>;
}

export interface Invocation {
  command: Command;
  input: Record<string, unknown>;
  globals: GlobalValues;
}

export interface ProgramOptions {
  version: string;
  color: boolean;
  write(text: string): void;
}

/**
 * Parses the command line.
 * @returns undefined when all there was to do was to print help or the version.
 * @throws UserError exit 2.
 */
export async function parseCommandLine(
  argv: readonly string[],
  table: CommandTable,
  options: ProgramOptions,
): Promise<Invocation | undefined> {
  let found: Invocation | undefined;
  const program = newCommander('metrify', options)
    .description('Operate the caches, rollouts, exports and load tests of a smart-metering platform.')
    .version(options.version, '--version', 'print the version')
    .helpCommand(false);
  addFlags(program, globalFlags, shortFlags);

  const asked = firstOperand(argv);
  for (const [name, entry] of Object.entries(table)) {
    if (name !== asked) {
      program.addCommand(new Commander(name).description(entry.summary));
      continue;
    }
    const onMatch = (command: Command, matched: Commander) => {
      found = readInvocation(command, matched, program);
    };
    if ('load' in entry) {
      program.addCommand(build(name, await entry.load(), options, onMatch));
      continue;
    }
    program.addCommand(await buildGroup(name, name, entry, options, onMatch));
  }
  if (asked === undefined) program.action(() => program.outputHelp());

  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    throw usageError(error, argv);
  }
  return found;
}

type OnMatch = (command: Command, matched: Commander) => void;

async function buildGroup(
  name: string,
  path: string,
  entry: GroupEntry,
  options: ProgramOptions,
  onMatch: OnMatch,
): Promise<Commander> {
  const group = newCommander(name, options).description(entry.summary).helpCommand(false);
  for (const [verb, inner] of Object.entries(entry.verbs))
    group.addCommand(
      typeof inner === 'function'
        ? build(verb, await inner(), options, onMatch)
        : await buildGroup(verb, `${path} ${verb}`, inner, options, onMatch),
    );
  group.allowExcessArguments(true).action(() => {
    const [verb] = group.args;
    if (verb === undefined) group.outputHelp();
    else unknownVerb(path, verb, entry);
  });
  return group;
}

function build(name: string, command: Command, options: ProgramOptions, onMatch: OnMatch): Commander {
  const commander = newCommander(name, options).summary(command.summary);
  commander.description([command.summary, command.description].filter(Boolean).join('\n\n'));
  for (const [argument, { required, help }] of Object.entries(command.args))
    commander.argument(required ? `<${argument}>` : `[${argument}]`, help);
  addFlags(commander, commandFlags(command));
  commander.action(() => onMatch(command, commander));
  if (command.examples.length > 0)
    commander.addHelpText(
      'after',
      `\nExamples:\n${command.examples.map(({ does, command: line }) => `  # ${does}\n  ${line}`).join('\n')}`,
    );
  commander.addHelpText('after', '\nFlags of every command: metrify --help');
  return commander;
}

/** The command's own flags and those it shares with its kind. */
export function commandFlags(command: Command): Flags {
  return {
    ...command.flags,
    ...(command.changes ? { dryRun: sharedFlags.dryRun } : {}),
    ...(command.checks ? { junit: sharedFlags.junit } : {}),
  };
}

function newCommander(name: string, options: ProgramOptions): Commander {
  return new Commander(name)
    .exitOverride()
    .configureOutput({ writeOut: options.write, writeErr: () => {}, outputError: () => {} })
    .configureHelp({
      sortSubcommands: false,
      helpWidth: 100,
      subcommandTerm: (command) => command.name(),
      styleTitle: (text) => (options.color ? `\x1b[1m${text}\x1b[22m` : text),
      visibleOptions: (command) => Help.prototype.visibleOptions.call(new Help(), command),
    })
    .helpOption('-h, --help', 'print this help')
    .showSuggestionAfterError(true);
}

function addFlags(commander: Commander, flags: Flags, short: Partial<Record<string, string>> = {}): void {
  for (const [key, flag] of Object.entries(flags)) {
    const names = [short[key], flagName(key)].filter(Boolean).join(', ');
    const option = new Option(
      flag.kind === 'boolean' ? names : `${names} <${flag.placeholder}>`,
      describe(flag),
    );
    option.attributeName = () => key;
    // `--no-color` is a flag like any other here, not the negation of one.
    option.negate = false;
    if (flag.kind !== 'boolean')
      option.argParser((text: string, previous: unknown) => {
        const parsed = parseFlag(key, flag, text);
        return flag.kind === 'list' ? [...((previous as unknown[]) ?? []), ...(parsed as unknown[])] : parsed;
      });
    commander.addOption(option);
  }
}

function describe(flag: Flag): string {
  return flag.default === undefined ? flag.help : `${flag.help} (default: ${flag.default})`;
}

function parseFlag(key: string, flag: Flag, text: string): unknown {
  try {
    return flag.parse(text);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${flagName(key)}: ${error.message}`, { hint: error.hint ?? '', code: error.code });
  }
}

function readInvocation(command: Command, matched: Commander, program: Commander): Invocation {
  const given = matched.opts();
  const input: Record<string, unknown> = {};
  Object.keys(command.args).forEach((name, i) => (input[name] = matched.processedArgs[i]));
  for (const [key, flag] of Object.entries(command.flags)) input[key] = given[key] ?? flag.initial;
  const globals: Record<string, unknown> = {};
  for (const [key, flag] of Object.entries(globalFlags)) globals[key] = program.opts()[key] ?? flag.initial;
  for (const key of Object.keys(sharedFlags)) if (given[key] !== undefined) globals[key] = given[key];
  return { command, input, globals: globals as GlobalValues };
}

/** The first word that is neither a global flag nor its value. */
function firstOperand(argv: readonly string[]): string | undefined {
  const takesValue = new Set<string>();
  for (const [key, flag] of Object.entries(globalFlags as Flags)) {
    if (flag.kind === 'boolean') continue;
    takesValue.add(flagName(key));
    const short = shortFlags[key as keyof typeof shortFlags];
    if (short) takesValue.add(short);
  }
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === '--') return undefined;
    if (takesValue.has(word)) i++;
    else if (!word.startsWith('-')) return word;
  }
  return undefined;
}

function unknownVerb(group: string, verb: string, entry: GroupEntry): never {
  throw new UserError(`'${group}' has no verb '${verb}'`, {
    code: 'UNKNOWN_COMMAND',
    hint: `Verbs: ${Object.keys(entry.verbs).join(', ')}. See: metrify ${group} --help`,
  });
}

function usageError(error: CommanderError, argv: readonly string[]): UserError {
  const [message, suggestion] = error.message.replace(/^error: /, '').split('\n');
  const words = argv.filter((word) => /^[a-z-]+$/.test(word) && !word.startsWith('-')).slice(0, 2);
  const unknownCommand = error.code === 'commander.unknownCommand';
  const help = `See: metrify ${unknownCommand ? '' : `${words.join(' ')} `}--help`;
  return new UserError(message!, {
    code: unknownCommand ? 'UNKNOWN_COMMAND' : 'USAGE',
    hint: suggestion ? `${suggestion.replace(/^\(|\)$/g, '')} ${help}` : help,
  });
}

/** A node of the command tree: a group with children, or a command. */
export type LoadedCommands = {
  /** `cache warm`; the program itself is ''. */
  path: string;
  summary: string;
  children: { name: string; summary: string }[];
  command?: Command;
}[];

/** Imports every command: for completion and the reference. */
export async function loadAll(table: CommandTable): Promise<LoadedCommands> {
  const found: LoadedCommands = [];
  async function visit(
    path: string,
    name: string,
    entry: CommandEntry | GroupEntry | (() => Promise<Command>),
  ) {
    if (typeof entry === 'function' || 'load' in entry) {
      const command = await (typeof entry === 'function' ? entry() : entry.load());
      found.push({ path, summary: command.summary, children: [], command });
      return { name, summary: command.summary };
    }
    const group: LoadedCommands[number] = { path, summary: entry.summary, children: [] };
    found.push(group);
    for (const [verb, inner] of Object.entries(entry.verbs))
      group.children.push(await visit(`${path} ${verb}`, verb, inner));
    return { name, summary: entry.summary };
  }
  const program: LoadedCommands[number] = { path: '', summary: '', children: [] };
  found.push(program);
  for (const [name, entry] of Object.entries(table)) program.children.push(await visit(name, name, entry));
  return found;
}

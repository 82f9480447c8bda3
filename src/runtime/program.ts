import type { Description, Section } from '../lib/core/schema/section.js';
import { Command as Commander, CommanderError, Option } from 'commander';

import { UserError } from '../lib/core/errors.js';
import type { Command } from './command.js';
import { commandWords, refuseUnknownWord } from './command-words.js';
import { type Flag, type Flags, flagName, flagNames } from './flags.js';
import { commandFlags, globalFlags, sharedFlags, type GlobalValues } from './global-flags.js';
import { argumentTerm, commandHelp, groupHelp, type HelpOptions, programHelp, usageLine } from './help.js';

/** A group of verbs, or a single command; nothing is imported before it is asked for. */
/** What the program consists of. */
export interface Program {
  commands: CommandTable;
  /** What an environment of the configuration can say; loaded on first use. */
  sections(): Promise<readonly Section[]>;
  descriptions(): Promise<readonly Description[]>;
}

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

export interface ProgramOptions extends HelpOptions {
  version: string;
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
  const words = askForHelp(argv);
  const plain = { ...options, color: options.color && !words.includes(flagName('noColor')) };
  const help = () =>
    programHelp(
      Object.entries(table).map(([name, { summary }]) => [name, summary]),
      plain,
    );
  const program = newCommander('metrify', '', plain, help).version(options.version, '--version');
  addFlags(program, globalFlags);

  const given = commandWords(words);
  await refuseUnknownWord(given, table);
  const [asked, ...further] = given;
  for (const [name, entry] of Object.entries(table)) {
    if (name !== asked) {
      program.addCommand(new Commander(name).description(entry.summary));
      continue;
    }
    const onMatch = (command: Command, matched: Commander) => {
      found = readInvocation(command, matched, program);
    };
    program.addCommand(
      'load' in entry
        ? build(name, await entry.load(), plain, onMatch)
        : await buildGroup(name, name, entry, further, plain, onMatch),
    );
  }
  if (asked === undefined) program.action(() => program.outputHelp());

  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return undefined;
    throw error;
  }
  return found;
}

/** `metrify help cache warm` is `metrify cache warm --help`. */
function askForHelp(argv: readonly string[]): readonly string[] {
  return argv[0] === 'help' ? [...argv.slice(1), '--help'] : argv;
}

type OnMatch = (command: Command, matched: Commander) => void;

async function buildGroup(
  name: string,
  path: string,
  entry: GroupEntry,
  [asked, ...further]: string[],
  options: ProgramOptions,
  onMatch: OnMatch,
): Promise<Commander> {
  const verbs: Commander[] = [];
  for (const [verb, inner] of Object.entries(entry.verbs)) {
    // The group's help wants all of its verbs; a verb that is asked for wants none of the others.
    if (asked !== undefined && asked !== verb) continue;
    verbs.push(
      typeof inner === 'function'
        ? build(verb, await inner(), options, onMatch)
        : await buildGroup(verb, `${path} ${verb}`, inner, further, options, onMatch),
    );
  }
  const help = () =>
    groupHelp(
      path,
      entry.summary,
      verbs.map((verb) => [verb.name(), verb.description()]),
      options,
    );
  const group = newCommander(name, path, options, help)
    .description(`${entry.summary}: ${Object.keys(entry.verbs).join(', ')}`)
    .action(() => group.outputHelp());
  for (const verb of verbs) group.addCommand(verb);
  return group;
}

function build(name: string, command: Command, options: ProgramOptions, onMatch: OnMatch): Commander {
  const commander = newCommander(name, command.name, options, () => commandHelp(command, options), command);
  commander.description(command.summary);
  for (const [argument, declared] of Object.entries(command.args))
    commander.argument(argumentTerm(argument, declared), declared.help);
  addFlags(commander, commandFlags(command));
  return commander.action(() => onMatch(command, commander));
}

/** @param path the words that lead to it: `cache warm`; the program's is ''. */
function newCommander(
  name: string,
  path: string,
  options: ProgramOptions,
  help: () => string,
  command?: Command,
): Commander {
  return new Commander(name)
    .exitOverride((error) => {
      throw error.exitCode === 0 ? error : usageError(error, path, command);
    })
    .configureOutput({
      writeOut: options.write,
      writeErr: () => {},
      outputError: () => {},
      getOutHasColors: () => options.color,
    })
    .configureHelp({ formatHelp: help })
    .helpOption('-h, --help')
    .helpCommand(false)
    .showSuggestionAfterError(true);
}

function addFlags(commander: Commander, flags: Flags): void {
  for (const [key, flag] of Object.entries(flags)) {
    const names = flagNames(key, flag).join(', ');
    const option = new Option(flag.kind === 'boolean' ? names : `${names} <${flag.placeholder}>`);
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

/** What commander found wrong, in our words. */
function usageError(error: CommanderError, path: string, command: Command | undefined): UserError {
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const help = `See: ${['metrify', path, '--help'].filter(Boolean).join(' ')}`;
  const say = (what: string, next?: string) =>
    new UserError(what, {
      code: 'USAGE',
      hint: next ? `${next} ${help}` : help,
    });
  const [, quoted = ''] = /'([^']*)'/.exec(message) ?? [];
  switch (error.code) {
    case 'commander.unknownOption':
      if (command && quoted === flagName('dryRun'))
        return say(`${path} changes nothing: it has no ${quoted}`);
      if (command && quoted === flagName('junit')) return say(`${path} checks nothing: it has no ${quoted}`);
      if (!command && path !== '')
        return say(
          `there is no flag ${quoted} of ${path} itself`,
          `A verb's flags follow it: metrify ${path} VERB ${quoted}.`,
        );
      return say(`there is no flag ${quoted}`, suggestion?.replace(/^\(|\)$/g, ''));
    case 'commander.optionMissingArgument': {
      const [, flag = '', placeholder = ''] = /(--[a-z-]+) <(.*)>/.exec(quoted) ?? [];
      return say(`${flag} needs a value: ${flag} ${placeholder}`);
    }
    case 'commander.missingArgument':
      return say(`${path} needs <${quoted}>`, command && `Usage: ${usageLine(command)}.`);
    case 'commander.excessArguments':
      return say(`too many words after metrify ${path}`, command && `Usage: ${usageLine(command)}.`);
    default:
      return say(message);
  }
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

import { ExitCode } from '../lib/core/exit-codes.js';
import type { Command } from './command.js';
import { type Argument, type Arguments, type Flag, type Flags, flagNames } from './flags.js';
import { commandFlags, globalFlagGroups } from './global-flags.js';
import { wrap, wrapCommand } from './wrap.js';

export interface HelpOptions {
  color: boolean;
  /** Columns to fill; more than 100 are not read well and are not used. */
  width: number;
}

/** A name and what it means. */
type Entry = readonly [term: string, text: string];

/** What each exit code tells a script. */
export const exitCodeMeanings: readonly (readonly [codes: string, meaning: string])[] = [
  [`${ExitCode.ok}`, 'done; every check passed'],
  [`${ExitCode.bug}`, 'a bug in metrify'],
  [`${ExitCode.usage}`, 'bad usage, configuration or input file; nothing was changed'],
  [`${ExitCode.checkFailed}`, 'a check failed'],
  [`${ExitCode.refused}`, 'refused: lock held, confirmation missing, state conflict'],
  [
    `${ExitCode.unavailable}`,
    'a service could not be reached, or refused us; or a result could not be written',
  ],
  [`${ExitCode.partial}`, 'partial: some items failed; the result says which'],
  [`${ExitCode.inconclusive}`, 'inconclusive: too little data for a verdict'],
  [`${ExitCode.timeout}`, '--timeout ran out; stopped safely'],
  [
    `${ExitCode.hungUp}, ${ExitCode.interrupted}, ${ExitCode.terminated}`,
    'stopped by SIGHUP, Ctrl-C or SIGTERM, safely',
  ],
];

/** The parts in which a command's flags are shown. */
export function flagSections(command: Command): { title: string; flags: Flags }[] {
  const own: Flags = {};
  const settings: Flags = {};
  for (const [key, flag] of Object.entries(commandFlags(command)))
    (flag.setting ? settings : own)[key] = flag;
  return [
    { title: 'Flags', flags: own },
    { title: 'Instead of the configuration', flags: settings },
  ].filter(({ flags }) => Object.keys(flags).length > 0);
}

/** `<key>`, `[app]`, `<key...>`: as commander has it, too. */
export function argumentTerm(name: string, { required, many }: Argument): string {
  const word = many ? `${name}...` : name;
  return required ? `<${word}>` : `[${word}]`;
}

export function shownArguments(args: Arguments): [name: string, Argument][] {
  return Object.entries(args).filter(([, { hidden }]) => !hidden);
}

/** `metrify cache get <key...> [flags]`. */
export function usageLine({ name, args }: Command): string {
  const words = shownArguments(args).map(([argument, declared]) => argumentTerm(argument, declared));
  return ['metrify', name, ...words, '[flags]'].join(' ');
}

export function commandHelp(command: Command, options: HelpOptions): string {
  const page = new Page(options);
  page.text(`${command.summary}.`.replace(/^./, (letter) => letter.toUpperCase()));
  page.section('Usage', () => page.text(usageLine(command), '  '));
  if (command.description) page.paragraph(command.description);
  if (command.examples.length > 0)
    page.section('Examples', () => {
      for (const { does, command: line } of command.examples) page.example(does, line);
    });
  const args = shownArguments(command.args);
  if (args.length > 0)
    page.section('Arguments', () => page.entries(args.map(([name, { help }]) => [name, help])));
  for (const { title, flags } of flagSections(command))
    page.section(title, () => page.entries(flagEntries(flags)));
  page.paragraph('Flags of every command, and exit codes: metrify --help');
  return page.toString();
}

export function groupHelp(
  path: string,
  summary: string,
  verbs: readonly Entry[],
  options: HelpOptions,
): string {
  const page = new Page(options);
  page.text(`${summary}.`.replace(/^./, (letter) => letter.toUpperCase()));
  page.section('Usage', () => page.text(`metrify ${path} VERB [arguments] [flags]`, '  '));
  page.section('Verbs', () => page.entries(verbs));
  page.paragraph(`Flags and examples of a verb: metrify ${path} VERB --help`);
  return page.toString();
}

export function programHelp(commands: readonly Entry[], options: HelpOptions): string {
  const page = new Page(options);
  page.text(
    'Operate a smart-metering platform: warm and inspect caches, drain write-behind queues, and roll out new versions.',
  );
  page.section('Usage', () => page.text('metrify GROUP VERB [arguments] [flags]', '  '));
  page.section('Start here', () => {
    page.example('see it work, with nothing but Node', 'metrify demo');
    page.example('which systems are configured and answer', 'metrify doctor');
    page.example('what a verb does, with examples', 'metrify cache warm --help');
  });
  page.section('Commands', () => page.entries(commands));
  for (const { title, flags } of globalFlagGroups)
    page.section(title, () => page.entries(flagEntries(flags)));
  page.section('Help', () =>
    page.entries([
      ['-h, --help', 'this page; after a group or a verb, its own'],
      ['    --version', 'print the version'],
    ]),
  );
  page.section('Exit codes', () => page.entries(exitCodeMeanings));
  return page.toString();
}

/** A flag as it is typed, with the name of its value: `-o, --output text|json|ndjson`. */
export function flagTerm(key: string, flag: Flag): string {
  return `${flagNames(key, flag).join(', ')}${flag.placeholder ? ` ${flag.placeholder}` : ''}`;
}

function flagEntries(flags: Flags): Entry[] {
  const short = Object.values(flags).some((flag) => flag.short);
  return Object.entries(flags).map(([key, flag]) => [
    `${short && !flag.short ? '    ' : ''}${flagTerm(key, flag)}`,
    flag.default === undefined ? flag.help : `${flag.help} (default: ${flag.default})`,
  ]);
}

const widest = 100;
/** Longer terms stand on a line of their own. */
const widestTerm = 32;
/** Narrower texts are not set beside their terms. */
const narrowestText = 36;

/** Text that fits the terminal, section by section. */
class Page {
  readonly #lines: string[] = [];
  readonly #width: number;

  constructor(private readonly options: HelpOptions) {
    this.#width = Math.min(Math.max(options.width, 40), widest);
  }

  section(title: string, fill: () => void): void {
    this.#lines.push('', this.#style(1, `${title}:`));
    fill();
  }

  paragraph(text: string): void {
    this.#lines.push('');
    this.text(text);
  }

  text(text: string, indent = ''): void {
    this.#lines.push(...wrap(text, this.#width - indent.length).map((line) => indent + line));
  }

  entries(entries: readonly Entry[]): void {
    const column = 4 + Math.min(widestTerm, Math.max(...entries.map(([term]) => term.length)));
    const beside = this.#width - column >= narrowestText;
    const indent = ' '.repeat(beside ? column : 8);
    for (const [term, text] of entries) {
      const lines = wrap(text, this.#width - indent.length);
      const fits = beside && term.length + 4 <= column;
      this.#lines.push(fits ? `  ${term}`.padEnd(column) + lines.shift()! : `  ${term}`);
      this.#lines.push(...lines.map((line) => indent + line));
    }
  }

  /** A command that can be copied as it stands, also when it is longer than a line. */
  example(does: string, command: string): void {
    this.text(`# ${does}`, '  ');
    this.#lines.push(...wrapCommand(command, this.#width - 2).map((line) => `  ${line}`));
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  #style(code: number, text: string): string {
    return this.options.color ? `\x1b[${code}m${text}\x1b[22m` : text;
  }
}

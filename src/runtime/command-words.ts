import { UserError } from '../lib/core/errors.js';
import { nearest } from '../lib/core/nearest.js';
import type { Command } from './command.js';
import { type Flags, flagNames } from './flags.js';
import { globalFlags } from './global-flags.js';
import type { CommandEntry, CommandTable, GroupEntry } from './program.js';

type Entry = GroupEntry | CommandEntry | (() => Promise<Command>);

/** The words that come before the first flag which is not global: what follows it may be its value. */
export function commandWords(argv: readonly string[]): string[] {
  const found: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i]!;
    if (word === '--') return [...found, ...argv.slice(i + 1)];
    if (!word.startsWith('-') || word === '-') {
      found.push(word);
      continue;
    }
    const takes = globalFlagTakes(word);
    if (takes === undefined) return found;
    if (takes === 'next word') i++;
  }
  return found;
}

/** What a global flag takes besides the word itself; undefined: it is not a global flag. */
function globalFlagTakes(word: string): 'nothing' | 'next word' | undefined {
  if (['-h', '--help', '--version'].includes(word)) return 'nothing';
  for (const [key, flag] of Object.entries(globalFlags as Flags))
    for (const name of flagNames(key, flag)) {
      if (word === name) return flag.kind === 'boolean' ? 'nothing' : 'next word';
      // `--output=json`; `-ojson`, and `-qv`, of which the rest is checked by the parser.
      if (word.startsWith(name.length === 2 ? name : `${name}=`)) return 'nothing';
    }
  return undefined;
}

/**
 * Refuses a word that stands where a command or a verb is expected. Done before flags are looked at: whoever mistook the
 * verb has typed the flags of another one.
 * @throws UserError exit 2, with the verb that is meant
 */
export async function refuseUnknownWord(words: readonly string[], table: CommandTable): Promise<void> {
  let children: Readonly<Record<string, Entry>> = table;
  for (const [i, word] of words.entries()) {
    const group = words.slice(0, i).join(' ');
    const entry = Object.hasOwn(children, word) ? children[word]! : undefined;
    if (entry === undefined) throw await unknownWord(word, group, children);
    if (!isGroup(entry)) return;
    children = entry.verbs;
  }
}

async function unknownWord(
  word: string,
  group: string,
  children: Readonly<Record<string, Entry>>,
): Promise<UserError> {
  const names = Object.keys(children);
  const meant = meantBy(word, await verbsBelow(children), names);
  const hint =
    meant.length > 0
      ? `Did you mean ${listed(meant)}?`
      : `${group === '' ? 'Commands' : 'Verbs'}: ${names.join(', ')}.`;
  const help = ['metrify', group, ...(meant.length === 1 ? meant : []), '--help'].filter(Boolean).join(' ');
  return new UserError(group === '' ? `there is no command '${word}'` : `'${group}' has no verb '${word}'`, {
    code: 'UNKNOWN_COMMAND',
    hint: `${hint} See: ${help}`,
  });
}

/** A verb by the words that lead to it from the group in question, and what else people call it. */
interface Verb {
  readonly path: string;
  readonly names: readonly string[];
}

async function verbsBelow(children: Readonly<Record<string, Entry>>, before = ''): Promise<Verb[]> {
  const found = await Promise.all(
    Object.entries(children).map(async ([name, entry]): Promise<Verb[]> => {
      if (isGroup(entry)) return verbsBelow(entry.verbs, `${before}${name} `);
      const { synonyms } = await ('load' in entry ? entry.load() : entry());
      return [{ path: `${before}${name}`, names: [name, ...synonyms] }];
    }),
  );
  return found.flat();
}

/**
 * What somebody else calls a verb of this group comes first, then verbs of groups below it, and only then what is spelt
 * alike: `stop` is nearer to `step` than to `abort`.
 */
function meantBy(word: string, verbs: readonly Verb[], here: readonly string[]): string[] {
  const called = verbs.filter(({ names }) => names.includes(word.toLowerCase()));
  const own = called.filter(({ path }) => here.includes(path));
  if (called.length > 0) return (own.length > 0 ? own : called).map(({ path }) => path);
  const spelt = new Map(here.map((name) => [name, name]));
  for (const { path, names } of verbs)
    if (here.includes(path)) for (const name of names) spelt.set(name, path);
  const like = nearest(word, spelt.keys());
  return like === undefined ? [] : [spelt.get(like)!];
}

function listed(names: readonly string[]): string {
  return names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} or ${names.at(-1)!}`;
}

function isGroup(entry: Entry): entry is GroupEntry {
  return typeof entry === 'object' && 'verbs' in entry;
}

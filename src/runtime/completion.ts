import { shellQuoted } from '../lib/core/shell.js';
import { type Arguments, type Flags, flagName, flagNames } from './flags.js';
import { commandFlags, globalFlags } from './global-flags.js';
import type { LoadedCommands } from './program.js';

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** What may follow a command line's words: `cache` → its verbs, `cache warm` → its flags. */
interface Words {
  path: string;
  words: { word: string; help: string; short?: string | undefined }[];
  files: string[];
  choices: Record<string, readonly string[]>;
}

export function completionScript(shell: Shell, commands: LoadedCommands): string {
  const table = collect(commands);
  switch (shell) {
    case 'bash':
      return bash(table);
    case 'zsh':
      return `#compdef metrify\nautoload -U +X bashcompinit && bashcompinit\n${bash(table)}`;
    case 'fish':
      return fish(table);
  }
}

function collect(commands: LoadedCommands): Words[] {
  const global = flagWords(globalFlags);
  const table: Words[] = [];
  for (const { path, children, command } of commands) {
    if (command)
      table.push({
        path,
        ...merge(merge(argumentWords(command.args), flagWords(commandFlags(command))), global),
      });
    else
      table.push({
        path,
        words: [
          ...children.map(({ name, summary: help }) => ({ word: name, help })),
          ...(path === '' ? global.words : []),
        ],
        files: path === '' ? global.files : [],
        choices: path === '' ? global.choices : {},
      });
  }
  return table;
}

type FlagWords = Omit<Words, 'path'>;

function argumentWords(args: Arguments): FlagWords {
  const words = Object.values(args).flatMap(({ choices = [], help }) =>
    choices.map((word) => ({ word, help })),
  );
  return { words, files: [], choices: {} };
}

function flagWords(flags: Flags): FlagWords {
  const found: FlagWords = { words: [], files: [], choices: {} };
  for (const [key, flag] of Object.entries(flags)) {
    const word = flagName(key);
    found.words.push({ word, help: flag.help, short: flag.short });
    for (const name of flagNames(key, flag)) {
      if (flag.file && flag.filePrefix === undefined) found.files.push(name);
      if (flag.choices) found.choices[name] = flag.choices;
    }
  }
  return found;
}

function merge(a: FlagWords, b: FlagWords): FlagWords {
  return {
    words: [...a.words, ...b.words],
    files: [...a.files, ...b.files],
    choices: { ...a.choices, ...b.choices },
  };
}

function bash(table: Words[]): string {
  const cases = table
    .map(
      ({ path, words }) =>
        `    ${shellQuoted(path)}) words=${shellQuoted(words.map(({ word }) => word).join(' '))} ;;`,
    )
    .join('\n');
  const files = unique(table.flatMap((entry) => entry.files));
  const choices = Object.entries(
    Object.assign({}, ...table.map((entry) => entry.choices)) as Words['choices'],
  );
  return `_metrify() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path="" word words="" i
  case "$previous" in
    ${files.join('|')})
      local IFS=$'\\n'
      compopt -o filenames 2>/dev/null
      COMPREPLY=($(compgen -f -- "$current"))
      return ;;
${choices.map(([flag, values]) => `    ${flag}) COMPREPLY=($(compgen -W ${shellQuoted(values.join(' '))} -- "$current")); return ;;`).join('\n')}
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "\${path:+$path }$word" in
      ${table
        .filter(({ path }) => path !== '')
        .map(({ path }) => shellQuoted(path))
        .join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _metrify metrify
`;
}

function fish(table: Words[]): string {
  const lines = [
    'complete -c metrify -f',
    'function __metrify_path',
    `  set -l known ${table
      .filter(({ path }) => path !== '')
      .map(({ path }) => shellQuoted(path))
      .join(' ')}`,
    '  set -l path',
    '  for word in (commandline -opc)[2..-1]',
    '    if contains -- (string join " " $path $word) $known',
    '      set -a path $word',
    '    end',
    '  end',
    '  test (string join " " $path) = "$argv"',
    'end',
  ];
  for (const { path, words, files, choices } of table)
    for (const { word, help, short } of words) {
      const letter = short === undefined ? '' : ` -s ${short}`;
      const name = word.startsWith('--') ? `-l ${word.slice(2)}${letter}` : `-a ${word}`;
      const value = files.includes(word)
        ? ' -r -F'
        : choices[word]
          ? ` -x -a ${shellQuoted(choices[word].join(' '))}`
          : '';
      lines.push(
        `complete -c metrify -n ${shellQuoted(`__metrify_path ${path}`)} ${name}${value} -d ${shellQuoted(help)}`,
      );
    }
  return `${lines.join('\n')}\n`;
}

function unique(words: string[]): string[] {
  return [...new Set(words)];
}

import { shellQuoted } from '../../lib/core/shell.js';
import type { Values, Words } from './words.js';

export function fishScript(table: readonly Words[]): string {
  const known = table.filter(({ path }) => path !== '').map(({ path }) => shellQuoted(path));
  const lines = [
    'complete -c metrify -f',
    'function __metrify_path',
    `  set -l known ${known.join(' ')}`,
    '  set -l path',
    '  for word in (commandline -opc)[2..-1]',
    '    if contains -- (string join " " $path $word) $known',
    '      set -a path $word',
    '    end',
    '  end',
    '  test (string join " " $path) = "$argv"',
    'end',
    '# What the configuration names, in the environment that is typed.',
    'function __metrify_names',
    '  set -l typed (commandline -opc)',
    '  set -l chosen',
    '  for i in (seq (count $typed))',
    '    if string match -qr -- "^--(env|config)=" $typed[$i]',
    '      set -a chosen $typed[$i]',
    '    else if contains -- $typed[$i] -e --env -c --config; and test $i -lt (count $typed)',
    '      set -l next (math $i + 1)',
    '      set -a chosen $typed[$i] $typed[$next]',
    '    end',
    '  end',
    '  $typed[1] completion values $argv[1] $chosen 2>/dev/null',
    'end',
    'function __metrify_files',
    '  for file in (__fish_complete_path (string replace -r "^$argv[1]" "" -- (commandline -ct)))',
    '    echo $argv[1]$file',
    '  end',
    'end',
  ];
  for (const { path, children, args, flags } of table) {
    // Flags of the program are accepted everywhere.
    const here = `-n ${shellQuoted(`__metrify_path ${path}`)}`;
    for (const { names, short, value, help } of flags) {
      const letter = short === undefined ? '' : ` -s ${short}`;
      const offered = value === undefined ? '' : ` ${offer(value)}`;
      lines.push(
        `complete -c metrify${path === '' ? '' : ` ${here}`} -l ${names.at(-1)!.slice(2)}${letter}${offered} -d ${shellQuoted(help)}`,
      );
    }
    for (const { name, help } of children)
      lines.push(`complete -c metrify ${here} -a ${name} -d ${shellQuoted(help)}`);
    for (const { value, help } of args)
      if (value.kind !== 'any')
        lines.push(`complete -c metrify ${here} ${offer(value)} -d ${shellQuoted(help)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** `-x`: it needs a value, which is no file. */
function offer(value: Values): string {
  switch (value.kind) {
    case 'words':
      return `-x -a ${shellQuoted(value.words.join(' '))}`;
    case 'names':
      return `-x -a ${shellQuoted(`(__metrify_names ${value.of})`)}`;
    case 'files':
      return value.prefix === '' ? '-r -F' : `-x -a ${shellQuoted(`(__metrify_files ${value.prefix})`)}`;
    case 'any':
      return '-x';
  }
}

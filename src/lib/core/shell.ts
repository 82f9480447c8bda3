/**
 * A word as one types it in a POSIX shell: bare where that is safe, otherwise in single quotes. `=` at its start is not: zsh
 * takes the rest for a command to look up.
 */
export function shellWord(text: string): string {
  return /^[\w@%+:,./-][\w@%+=:,./-]*$/.test(text) ? text : shellQuoted(text);
}

/** A word that is an argument at the end of a command line, even where it looks like a flag. */
export function shellArgument(text: string): string {
  return text.startsWith('-') ? `-- ${shellWord(text)}` : shellWord(text);
}

/** The text in single quotes, in which only they themselves mean anything to a shell. */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

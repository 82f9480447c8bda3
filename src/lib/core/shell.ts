/**
 * A word as one types it in a POSIX shell: bare where that is safe, otherwise in single quotes. `=` at its start is not: zsh
 * takes the rest for a command to look up.
 */
export function shellWord(text: string): string {
  return /^[\w@%+:,./-][\w@%+=:,./-]*$/.test(text) ? text : shellQuoted(text);
}

/** The same of an argument that follows the flags, and may itself begin like one. */
export function shellOperand(text: string): string {
  return text.startsWith('-') ? `-- ${shellWord(text)}` : shellWord(text);
}

/** The text in single quotes, in which only they themselves mean anything to a shell. */
export function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

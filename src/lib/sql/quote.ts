import { UserError } from '../core/errors.js';

/** A name as PostgreSQL reads it back unchanged, always quoted. */
export function quoteIdentifier(name: string): string {
  return `"${withoutNul(name).replaceAll('"', '""')}"`;
}

/** A string constant; safe whatever `standard_conforming_strings` says. */
export function quoteLiteral(text: string): string {
  const quoted = `'${withoutNul(text).replaceAll("'", "''")}'`;
  return quoted.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

function withoutNul(text: string): string {
  if (text.includes('\0'))
    throw new UserError('PostgreSQL has no text with a NUL byte', { code: 'SQL_INVALID' });
  return text;
}

import { namedSecrets } from './named-values.js';
import { inOrder, maskSpans, type Span } from './span.js';
import { urlPasswords } from './url-passwords.js';

/** The same text without what looks like a secret in it. It takes time in proportion to the text's length. */
export function maskSecrets(text: string): string {
  return maskSpans(text, secretSpans(text));
}

/** What looks like a secret, in order. */
export function secretSpans(text: string): readonly Span[] {
  return inOrder(urlPasswords(text), namedSecrets(text));
}

/** Whether the text holds a URL with a password or a secret parameter, or is a connection string of libpq with one. */
export function hasPassword(text: string): boolean {
  return secretsOf(text).length > 0;
}

/** The secrets of a URL, or of a list of them, as they are written. */
export function secretsOf(text: string): string[] {
  return certain(text).map(({ start, end }) => text.slice(start, end));
}

function certain(text: string): Span[] {
  const isAddress =
    /^(?:[a-z][a-z\d+.-]{0,31}:\/\/|(?:host|hostaddr|port|dbname|user|sslmode|password)=)/i.test(text);
  return [
    ...urlPasswords(text).filter(({ doubtful }) => !doubtful),
    // A sentence or a query of SQL may speak of passwords.
    ...namedSecrets(text).filter(({ start }) => isAddress || isInUrl(text, start)),
  ];
}

/** Whether the word before a place is a URL with its parameters. */
function isInUrl(text: string, at: number): boolean {
  const word = text
    .slice(Math.max(0, at - 2048), at)
    .split(/\s/)
    .at(-1)!;
  const scheme = word.indexOf('://');
  return scheme >= 0 && /[?&;]/.test(word.slice(scheme));
}

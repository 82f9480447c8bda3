import { UserError } from './errors.js';

/** What a URL may say in addition to its scheme, host and port. */
export type UrlPart = 'login' | 'path' | 'query';

/** The URLs of one kind of system: what each part means is up to the system, and what means nothing is refused. */
export interface UrlShape {
  readonly schemes: readonly string[];
  readonly parts: readonly UrlPart[];
  /** A URL may leave its host out. */
  readonly hostOptional?: boolean;
}

/** The parts of a URL, percent-decoded. What is not written is undefined. */
export interface UrlParts {
  readonly scheme: string;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** An IPv6 address is without its brackets. */
  readonly host: string | undefined;
  readonly port: number | undefined;
  /** Without the slash at its beginning; of HTTP it stays encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
}

/** What the parser of URLs would remove in silence, and what Node.js made of bytes that are not UTF-8. */
// eslint-disable-next-line no-control-regex -- these are meant
const dropped = /[\x00-\x1f\x7f]|^ | $/;

/**
 * Reads a URL as whoever uses it will: each part is handed on, or refused by its name. Messages never repeat any of it,
 * because a password may stand anywhere in a URL that is malformed.
 * @throws UserError `URL_INVALID`
 */
export function readUrl(text: string, { schemes, parts, hostOptional = false }: UrlShape): UrlParts {
  const wanted = schemes.map((scheme) => `${scheme}://`).join(' or ');
  const url = parse(text, hostOptional);
  if (url === undefined)
    throw invalid(
      'is not a URL',
      `It starts with ${wanted}; characters like / ? # @ in a password are percent-encoded.`,
    );
  const scheme = url.protocol.slice(0, -1);
  if (!schemes.includes(scheme) || !/^[^:]+:\/\//.test(text)) throw invalid(`is not a URL with ${wanted}`);
  if (dropped.test(text))
    throw invalid(
      'is a URL with a control character in it, or a space at an end',
      'Remove it, or percent-encode it.',
    );
  if (text.includes('\ufffd'))
    throw invalid('is a URL with bytes that are not UTF-8', 'Percent-encode them.');

  // HTTP hands paths and queries on as they are written.
  const http = scheme.startsWith('http');
  const login = (part: 'user' | 'password', written: string) =>
    written === '' ? undefined : decoded(written, part);
  const written = {
    scheme,
    username: login('user', url.username),
    password: login('password', url.password),
    host: hostOf(url, hostOptional),
    port: url.port === '' ? undefined : Number(url.port),
    path: http ? url.pathname.slice(1) : decoded(url.pathname.slice(1), 'path'),
    query: url.searchParams,
  };
  if (!http) decoded(url.search, 'query');
  if (written.port === 0) throw invalid('is a URL with the port 0', 'A port is from 1 to 65535.');
  refuse(written.username !== undefined && !parts.includes('login'), 'a user');
  refuse(written.password !== undefined && !parts.includes('login'), 'a password');
  refuse(written.path !== '' && !parts.includes('path'), 'a path');
  refuse(url.search !== '' && !parts.includes('query'), 'a query (after ?)');
  refuse(url.hash !== '', 'a fragment (after #)');
  return written;
}

/**
 * What several URLs of one system say of a part: those that say it say the same.
 * @param name of the part, in the plural
 * @throws UserError `URL_INVALID`
 */
export function agreed<T, K extends keyof T>(urls: readonly T[], part: K, name: string): T[K] | undefined {
  const [one, ...others] = new Set(urls.map((url) => url[part]).filter((said) => said !== undefined));
  if (others.length === 0) return one;
  throw invalid(`are URLs with different ${name}`, 'Say it in one of them, or the same in all.');
}

/** Text as a path or a query has it, by RFC 3986: a slash is encoded too. */
export function encodeText(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

const placeholder = 'left-out.invalid';

function parse(text: string, hostOptional: boolean): URL | undefined {
  // URLs whose user has no host are not URLs to the parser.
  const whole = hostOptional ? text.replace(/^([^:/?#]+:\/\/[^/?#]*@)(?=[/?#]|$)/, `$1${placeholder}`) : text;
  return URL.canParse(whole) ? new URL(whole) : undefined;
}

function hostOf({ hostname }: URL, optional: boolean): string | undefined {
  if (optional && (hostname === '' || hostname === placeholder)) return undefined;
  if (hostname === '') throw invalid('is a URL without a host');
  return decoded(hostname.replace(/^\[(.*)\]$/, '$1'), 'host');
}

function refuse(there: boolean, part: string): void {
  if (there) throw invalid(`is a URL with ${part}, which means nothing here`, 'Leave it out.');
}

function decoded(text: string, part: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`is a URL whose ${part} holds a % that is not an escape of UTF-8`, 'Write % as %25.');
  }
}

function invalid(message: string, hint?: string): UserError {
  return new UserError(message, { code: 'URL_INVALID', ...(hint === undefined ? {} : { hint }) });
}

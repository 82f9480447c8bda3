import { placesOf, type Span } from './span.js';

const secretNames = new Set(
  [
    'apikey apitoken accesskey accesstoken auth authkey authtoken bearer clientsecret credential credentials idtoken',
    'jwt masterauth pass passphrase passwd password privatetoken pwd refreshtoken requirepass secret secretkey',
    'securitytoken sessiontoken sig signature token',
  ]
    .join(' ')
    .split(' '),
);
const secretHeaders =
  /^(?:proxy-)?authorization$|^(?:set-)?cookie$|^x-(?:.*-)?(?:key|token|secret|password)$/i;
const longestName = 96;

/**
 * Whether what has that name is a secret: `sslpassword`, `X-Api-Key`, `x.password`, `pass%77ord`. Of a dotted name the last part
 * counts.
 */
export function isSecretName(name: string): boolean {
  const last = decodeEscapes(name).split('.').at(-1)!;
  const plain = last.replace(/[-_]/g, '').toLowerCase();
  return secretNames.has(plain) || secretHeaders.test(last) || /(?:password|passwd|secret)$/.test(plain);
}

/**
 * The values that a text gives to secret names: parameters of URLs and libpq's `name=value`, also percent-encoded within
 * another value; members of JSON; headers.
 */
export function namedSecrets(text: string): Span[] {
  const isUrl = /^[a-z][a-z\d+.-]{0,31}:\/\//i.test(text);
  return [...parameters(text, isUrl), ...membersAndHeaders(text), ...spoken(text)].filter(
    ({ start, end }) => end > start && !isPlaceholder(text.slice(start, Math.min(end, start + longestName))),
  );
}

/** `{token}` of a template, and what is masked already. */
function isPlaceholder(value: string): boolean {
  return value === '***' || /^\{\{?[\w.]+\}?\}$/.test(value);
}

const equals = /=|%(?:25){0,8}3d/gi;

function* parameters(text: string, isUrl: boolean): Generator<Span> {
  let end = 0;
  for (const { 0: sign, index } of text.matchAll(equals)) {
    // What stands within a secret is part of it.
    if (index < end || !isSecretName(nameBefore(text, index))) continue;
    const start = index + sign.length;
    const found = (sign === '=' && quotedFrom(text, start)) || spanTo(isUrl ? /&/g : /[&\s]/g, text, start);
    end = found.end;
    yield found;
  }
}

/** The characters of a name before a place, its escapes as they are; one that stands for something else ends it. */
function nameBefore(text: string, end: number): string {
  let start = end;
  while (start > 0 && end - start < longestName && /[\w.%-]/.test(text[start - 1]!)) start--;
  const written = text.slice(start, end);
  const name = decodeEscapes(written);
  return name.slice(name.search(/[\w.-]*$/));
}

/** `pass%77ord`, and `%2577` for `%77`, which may be escaped again. */
function decodeEscapes(text: string): string {
  return text.replace(/%(?:25)*([2-7][\da-f])/gi, (_, code: string) =>
    String.fromCharCode(parseInt(code, 16)),
  );
}

/** `"name": "value"`, `'name': value`, and `Authorization: …` up to the end of its line. */
function* membersAndHeaders(text: string): Generator<Span> {
  let end = 0;
  for (const colon of placesOf(text, ':')) {
    if (colon < end) continue;
    const quote = text[colon - 1] ?? '';
    const isQuoted = quote === '"' || quote === "'";
    const name = nameBefore(text, isQuoted ? colon - 1 : colon);
    if (isQuoted ? !isSecretName(name) : !secretHeaders.test(name)) continue;
    const start = colon + 1 + /^ {0,8}/.exec(text.slice(colon + 1, colon + 9))![0].length;
    const found = quotedFrom(text, start) ?? spanTo(isQuoted ? /[\s,}]/g : /["'\n]/g, text, start);
    end = found.end;
    yield found;
  }
}

const credentials = /\b(?:bearer|basic)[ \t]{1,8}([\w.~+/=-]{8,})/gi;
const statements = /\b(?:password|identified[ \t]{1,8}by)[ \t]{1,8}(?=')/gi;

/** `Bearer TOKEN`, `Basic BASE64`, of which a sentence's words have no digit; `PASSWORD 'TEXT'` of SQL. */
function* spoken(text: string): Generator<Span> {
  for (const { 0: all, 1: token, index } of text.matchAll(credentials))
    if (/\d|=$/.test(token!)) yield { start: index + all.length - token!.length, end: index + all.length };
  for (const { 0: all, index } of text.matchAll(statements)) yield quotedFrom(text, index + all.length)!;
}

/** Between quotes, with escapes as libpq and JSON have them; to the end where they are not closed. */
function quotedFrom(text: string, at: number): Span | undefined {
  const quote = text[at];
  if (quote !== "'" && quote !== '"') return undefined;
  let end = at + 1;
  while (end < text.length && text[end] !== quote) end += text[end] === '\\' ? 2 : 1;
  return { start: at + 1, end: Math.min(end, text.length) };
}

function spanTo(stop: RegExp, text: string, start: number): Span {
  stop.lastIndex = start;
  return { start, end: stop.exec(text)?.index ?? text.length };
}

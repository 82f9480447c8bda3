import { inOrder, type Span } from './span.js';

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
const longestName = 64;
const isNameCharacter = /[\w.-]/;

/** Whether what has that name is a secret: `sslpassword`, `X-Api-Key`. Of a dotted name the last part counts: `x.password`. */
export function isSecretName(name: string): boolean {
  if (name === '') return false;
  const last = name.slice(name.lastIndexOf('.') + 1);
  const plain = last.replace(/[-_]/g, '').toLowerCase();
  return (
    secretNames.has(plain) ||
    secretHeaders.test(last) ||
    /(?:password|passwd|secret|signature|securitytoken)$/.test(plain)
  );
}

/**
 * The values that a text gives to secret names: parameters of URLs and libpq's `name=value`, also percent-encoded within
 * another value; members of JSON; headers.
 */
export function namedSecrets(text: string): readonly Span[] {
  const stop = /^[a-z][a-z\d+.-]{0,31}:\/\//i.test(text) ? /&/g : /[&\s]/g;
  const kinds = [
    findParameters,
    findEncodedParameters,
    findMembersAndHeaders,
    findCredentials,
    findStatements,
  ];
  return inOrder(
    ...kinds.map((find) => {
      const spans: Span[] = [];
      find(
        text,
        (span) => {
          if (span.end > span.start && !isPlaceholder(text, span)) spans.push(span);
          return span.end;
        },
        stop,
      );
      return spans;
    }),
  );
}

/** @returns where the span ends: what stands within it is a part of it */
type Add = (span: Span) => number;

/** `{token}` of a template, and what is masked already. */
function isPlaceholder(text: string, { start, end }: Span): boolean {
  if (end - start > longestName || !/[*{]/.test(text[start]!)) return false;
  return /^(?:\*{3}|\{\{?[\w.]+\}?\})$/.test(text.slice(start, end));
}

const encodedEquals = /%(?:25){0,8}3d/gi;

function findParameters(text: string, add: Add, stop: RegExp): void {
  for (let at = text.indexOf('='); at >= 0; at = text.indexOf('=', at + 1))
    if (isSecretName(nameBefore(text, at)))
      at = add(quotedFrom(text, at + 1) ?? spanTo(stop, text, at + 1)) - 1;
}

function findEncodedParameters(text: string, add: Add, stop: RegExp): void {
  let end = 0;
  for (const { 0: sign, index } of text.matchAll(encodedEquals))
    if (index >= end && isSecretName(nameBefore(text, index)))
      end = add(spanTo(stop, text, index + sign.length));
}

/** The name that ends at a place, without its escapes: `password` of `pass%77ord`. */
function nameBefore(text: string, end: number): string {
  let escapes = '';
  let at = end;
  /** Of the part of the name that has no escapes any more. */
  let from = end;
  while (at > 0 && end - at < longestName) {
    const code = text[at - 3] === '%' ? Number(`0x${text.slice(at - 2, at)}`) : NaN;
    const isEscape = !Number.isNaN(code);
    const character = isEscape ? String.fromCharCode(code) : text[at - 1]!;
    if (!isNameCharacter.test(character)) break;
    if (isEscape) {
      escapes = character + text.slice(at, from) + escapes;
      from = at - 3;
    }
    at -= isEscape ? 3 : 1;
  }
  return text.slice(at, from) + escapes;
}

/** `"name": "value"`, `'name': value`, and `Authorization: …` up to the end of its line. */
function findMembersAndHeaders(text: string, add: Add): void {
  for (let at = text.indexOf(':'); at >= 0; at = text.indexOf(':', at + 1)) {
    const quote = text[at - 1];
    const isQuoted = quote === '"' || quote === "'";
    const name = nameBefore(text, isQuoted ? at - 1 : at);
    if (isQuoted ? !isSecretName(name) : !secretHeaders.test(name)) continue;
    const start = at + 1 + /^ {0,8}/.exec(text.slice(at + 1, at + 9))![0].length;
    const stop = isQuoted ? /[\s,}]/g : /["'\n]/g;
    at = add(quotedFrom(text, start) ?? spanTo(stop, text, start)) - 1;
  }
}

const credentials = /\b(?:bearer|basic)[ \t]{1,8}([\w.~+/=-]{8,})/gi;
const statements = /\b(?:password|identified[ \t]{1,8}by)[ \t]{1,8}(?=')/gi;

/** `Bearer TOKEN`, `Basic BASE64`: the words of a sentence have no digit. */
function findCredentials(text: string, add: Add): void {
  for (const { 0: all, 1: token, index } of text.matchAll(credentials))
    if (/\d|=$/.test(token!)) add({ start: index + all.length - token!.length, end: index + all.length });
}

/** `PASSWORD 'TEXT'` of SQL. */
function findStatements(text: string, add: Add): void {
  for (const { 0: all, index } of text.matchAll(statements)) add(quotedFrom(text, index + all.length)!);
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

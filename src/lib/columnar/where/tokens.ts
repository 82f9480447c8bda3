import { whereError } from './where-error.js';

export interface Token {
  readonly kind: 'word' | 'name' | 'number' | 'text' | 'symbol' | 'end';
  /** Of names and texts: without quotes. Of symbols `!=` is `<>`. */
  readonly text: string;
  readonly at: number;
}

const patterns = [
  ['space', /\s+/y],
  ['word', /[\p{L}_][\p{L}\p{N}_$]*/uy],
  ['name', /"(?:[^"]|"")+"/y],
  ['text', /'(?:[^']|'')*'/y],
  ['number', /[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?/y],
  ['symbol', /<>|!=|<=|>=|[<>=(),]/y],
] as const;

/** @throws UserError `WHERE_INVALID` */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length;) {
    const token = tokenAt(text, at);
    if (token.kind !== 'space') tokens.push({ kind: token.kind, text: unquoted(token.kind, token.text), at });
    at += token.text.length;
  }
  tokens.push({ kind: 'end', text: '', at: text.length });
  return tokens;
}

function tokenAt(
  text: string,
  at: number,
): { readonly kind: (typeof patterns)[number][0]; readonly text: string } {
  for (const [kind, pattern] of patterns) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match) return { kind, text: match[0] };
  }
  const quote = text[at]!;
  if (quote === "'" || quote === '"') throw whereError(text, at, 'the quotation mark is never closed');
  throw whereError(text, at, `'${String.fromCodePoint(text.codePointAt(at)!)}' has no meaning here`);
}

function unquoted(kind: string, text: string): string {
  if (kind === 'name') return text.slice(1, -1).replaceAll('""', '"');
  if (kind === 'text') return text.slice(1, -1).replaceAll("''", "'");
  return text === '!=' ? '<>' : text;
}

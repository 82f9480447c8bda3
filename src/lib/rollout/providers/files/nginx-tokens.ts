/** A token of an NGINX configuration, as NGINX itself cuts it. `start` and `end` are offsets into the text. */
export interface NginxToken {
  readonly kind: 'word' | ';' | '{' | '}' | 'comment';
  /** A word without its quotes and escapes; a comment with its `#`, without the line's end. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const blank = new Set([' ', '\t', '\r', '\n']);
const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '\\': '\\',
  t: '\t',
  r: '\r',
  n: '\n',
};

/** Text that ends inside quotes gives a last word up to its end; NGINX refuses such a file. */
export function* nginxTokens(text: string): Generator<NginxToken> {
  let at = 0;
  while (at < text.length) {
    const start = at;
    const char = text[at]!;
    if (blank.has(char)) {
      at++;
    } else if (char === ';' || char === '{' || char === '}') {
      at++;
      yield { kind: char, text: char, start, end: at };
    } else if (char === '#') {
      const newline = text.indexOf('\n', at);
      at = newline < 0 ? text.length : newline;
      yield { kind: 'comment', text: text.slice(start, at), start, end: at };
    } else {
      at = char === '"' || char === "'" ? endOfQuoted(text, at + 1, char) : endOfWord(text, at);
      const quoted = char === '"' || char === "'" ? 1 : 0;
      yield { kind: 'word', text: unescape(text.slice(start + quoted, at - quoted)), start, end: at };
    }
  }
}

function endOfQuoted(text: string, from: number, quote: string): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === quote) return at + 1;
  }
  return text.length;
}

/** A brace right after a dollar belongs to a variable (`${name}`); a `}`, `#` or quote inside a word is part of it. */
function endOfWord(text: string, from: number): number {
  let at = from;
  for (; at < text.length; at++) {
    const char = text[at]!;
    if (char === '\\') at++;
    else if (char === '$' && text[at + 1] === '{') at++;
    else if (blank.has(char) || char === ';' || char === '{') break;
  }
  return Math.min(at, text.length);
}

function unescape(word: string): string {
  return word.replace(/\\(["'\\trn])/g, (_, char: string) => escapes[char]!);
}

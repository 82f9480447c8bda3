import { secretSpans, secretsOf } from './mask.js';
import { inOrder, maskSpans, type Span } from './span.js';

/** Shorter ones are words and numbers that stand in every text. */
const shortest = 6;

/**
 * What every text passes on its way out of a run: it hides what looks like a secret, and wherever it stands what the run knows
 * to be one.
 */
export class Redactor {
  readonly #known = new Set<string>();

  /**
   * From now on the secret is hidden: as it is, and as URLs and headers have it.
   * @param words in lower case, that texts are of no use without: a secret that is one of them is not hidden everywhere
   */
  learn(secret: string, words: ReadonlySet<string> = new Set()): void {
    const token = /^(?:bearer|basic|token)\s+(\S+)$/i.exec(secret)?.[1];
    for (const form of [secret, decoded(secret), token ?? secret])
      for (const written of [form, encoded(form), JSON.stringify(form).slice(1, -1)])
        if (written.length >= shortest && !words.has(written.toLowerCase())) this.#known.add(written);
  }

  /** The passwords of a URL, or of several; and what a URL parser makes of one that nobody has percent-encoded. */
  learnUrl(url: string, words?: ReadonlySet<string>): void {
    for (const secret of secretsOf(url))
      for (const part of [secret, ...secret.split(/[/?#@:\s]/)]) this.learn(part, words);
  }

  text(text: string): string {
    // Found in the text as it is: neither kind may hide a part of the other.
    const known = [...this.#known].map((secret) => placesOf(secret, text));
    return maskSpans(text, inOrder(secretSpans(text), ...known));
  }

  /** A copy of plain data in which every text, also that of keys, has passed. */
  data<T>(data: T): T {
    return this.#copy(data) as T;
  }

  #copy(data: unknown): unknown {
    if (typeof data === 'string') return this.text(data);
    if (Array.isArray(data)) return data.map((item) => this.#copy(item));
    if (typeof data !== 'object' || data === null) return data;
    if ('toJSON' in data && typeof data.toJSON === 'function') return this.#copy(data.toJSON());
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [this.text(key), this.#copy(value)]),
    );
  }
}

function placesOf(secret: string, text: string): Span[] {
  const spans: Span[] = [];
  for (let start = text.indexOf(secret); start >= 0; start = text.indexOf(secret, start + 1))
    spans.push({ start, end: start + secret.length });
  return spans;
}

function encoded(text: string): string {
  // Half of a surrogate pair has no code.
  return encodeURIComponent(Buffer.from(text).toString());
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // It holds a % that is not an escape: then it is what it is.
    return text;
  }
}

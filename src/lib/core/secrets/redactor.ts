import { maskSecrets, secretsOf } from './mask.js';

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
    let masked = maskSecrets(text);
    // A longer one may hold a shorter one.
    for (const secret of [...this.#known].sort((a, b) => b.length - a.length))
      masked = masked.replaceAll(secret, '***');
    return masked;
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

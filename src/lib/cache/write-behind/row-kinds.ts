import type { ByteString } from '../../core/bytes.js';
import type { Operation } from './types.js';

/** What entries that fit one statement have in common: table, operation and columns. */
export interface RowKind {
  readonly table: string;
  readonly operation: Operation;
  /** In the row's order. */
  readonly columns: string[];
  /** Names the kind. */
  readonly shape: string;
}

interface Known {
  kind: RowKind;
  pattern: RegExp;
  misses: number;
}

const mostKnown = 256;
const missesToForget = 16;

/** One value without structure and without escapes. */
const scalar = String.raw`(?:"[^"\\\x00-\x1f]*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)`;

/**
 * Knows rows again. Rows of a queue resemble each other, and a row that is written like one seen before, but for its
 * values, is as valid: a pattern tells in a fraction of the time that parsing takes. Any other row is to be parsed.
 */
export class RowKinds {
  readonly #known = new Map<ByteString, Known>();

  /** @param job operation and table, as the entry has them. */
  find(job: ByteString, row: string): RowKind | undefined {
    const known = this.#known.get(job);
    if (!known) return undefined;
    if (known.pattern.test(row)) return known.kind;
    if (++known.misses >= missesToForget) this.#known.delete(job);
    return undefined;
  }

  /** After a row of that kind was parsed and found to be good. */
  add(job: ByteString, kind: RowKind): void {
    if (this.#known.has(job) || this.#known.size >= mostKnown) return;
    const members = kind.columns.map((column) => `${escape(JSON.stringify(column))}:${scalar}`);
    this.#known.set(job, {
      kind,
      pattern: new RegExp(`^\\{${members.join(',')}\\}$`),
      misses: 0,
    });
  }
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`);
}

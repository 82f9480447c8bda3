import { exactValue } from '../../../lib/search/query/exact-value.js';
import { hasMember, hitLine, type LineOptions } from '../../../lib/search/query/hit-line.js';
import type { FoundHit } from '../../../lib/search/query/question.js';
import type { Context } from '../../../runtime/context.js';
import { hitTable } from '../../../ui/search-hits.js';

/** Of one table, which is as wide as its rows need. */
const tableRows = 500;

/** Prints hits as they come: tables on a terminal, lines of JSON elsewhere; with `--output json` they are kept. */
export class HitOutput {
  readonly #context: Context;
  readonly #options: LineOptions;
  readonly #kept: unknown[] = [];
  /** Of the fields that were chosen, those that no hit has had. */
  readonly #unseen: Set<string>;
  #shown = 0;

  constructor(context: Context, options: LineOptions) {
    this.#context = context;
    this.#options = options;
    this.#unseen = new Set(options.fields);
  }

  get shown(): number {
    return this.#shown;
  }

  get unseenFields(): readonly string[] {
    return this.#shown === 0 ? [] : [...this.#unseen];
  }

  /** What the command's result says of them. */
  get result(): { readonly shown: number; readonly hits?: readonly unknown[] } {
    return { shown: this.#shown, ...(this.#context.data === undefined && { hits: this.#kept }) };
  }

  /** @returns false when nobody reads on */
  async write(hits: readonly FoundHit[]): Promise<boolean> {
    const { data, output, terminal } = this.#context;
    for (const field of this.#unseen)
      if (hits.some((hit) => hasMember(hit.source, field))) this.#unseen.delete(field);
    if (data === undefined) {
      for (const hit of hits) this.#kept.push(exactValue(hitLine(hit, this.#options)));
      this.#shown += hits.length;
      return true;
    }
    const isTable = output === 'text' && terminal.stdoutIsTerminal;
    for (let at = 0; at < hits.length; at += isTable ? tableRows : hits.length) {
      const part = isTable ? hits.slice(at, at + tableRows) : hits;
      if (!(await data.write(isTable ? this.#table(part) : this.#lines(part)))) return false;
      this.#shown += part.length;
    }
    return true;
  }

  #lines(hits: readonly FoundHit[]): Buffer {
    const lines = hits.map((hit) => hitLine(hit, this.#options));
    return Buffer.from(`${lines.join('\n')}\n`, 'latin1');
  }

  #table(hits: readonly FoundHit[]): string {
    const documents = hits.map((hit) => hitLine(hit, { ...this.#options, meta: false }));
    const { width } = this.#context.terminal;
    return hitTable(hits, documents, { width, areChosen: this.#options.fields !== undefined });
  }
}

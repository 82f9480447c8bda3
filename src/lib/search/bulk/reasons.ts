export interface Reason {
  /** As the server said it of the first one. */
  readonly reason: string;
  readonly count: number;
  /** Of the input; undefined where rows have no lines. */
  readonly firstLine?: number;
}

/** Beyond it, reasons are counted together. */
const maxGroups = 1000;
const others = 'other reasons';

/** Why documents were rejected, counted: two reasons are one when they differ in numbers, ids and quoted values only. */
export class Reasons {
  readonly #groups = new Map<string, { reason: string; count: number; firstLine?: number }>();

  add(reason: string, line: number | undefined): void {
    const key = groupOf(reason);
    const known = this.#groups.get(key);
    if (known) known.count++;
    else if (this.#groups.size < maxGroups)
      this.#groups.set(key, { reason, count: 1, ...(line === undefined ? {} : { firstLine: line }) });
    else this.#other();
  }

  /** The most frequent ones first. */
  top(count: number): readonly Reason[] {
    return [...this.#groups.values()].sort((a, b) => b.count - a.count).slice(0, count);
  }

  #other(): void {
    const known = this.#groups.get(others);
    if (known) known.count++;
    else this.#groups.set(others, { reason: others, count: 1 });
  }
}

function groupOf(reason: string): string {
  return (
    reason
      // Of a conflict: `[meter-17]: version conflict, …`
      .replace(/\[[^\]]*\]: /, '')
      .replace(/'[^']*'|"[^"]*"/g, "'…'")
      .replace(/\d+/g, '0')
  );
}

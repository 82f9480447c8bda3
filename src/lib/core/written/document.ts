import * as yaml from 'yaml';
import type { Finding } from '../schema/findings.js';
import { explain } from '../schema/setting.js';
import type { Path } from '../schema/walk.js';
import { InvalidConfiguration, type Problem } from './problems.js';

/** A YAML file's data, and where each of its values stands. */
export class Document {
  readonly data: unknown;
  readonly warnings: string[];
  readonly #document: yaml.Document;
  readonly #lines = new yaml.LineCounter();

  /**
   * @param label the file's name as messages show it
   * @throws InvalidConfiguration when it is no YAML
   */
  constructor(
    text: string,
    private readonly label: string,
  ) {
    // Pretty errors would quote the file, secrets and all.
    const options = { lineCounter: this.#lines, prettyErrors: false, merge: true };
    this.#document = yaml.parseDocument(text, options);
    const errors = this.#document.errors.map(({ pos, message }) => ({
      at: this.#place(pos[0]),
      message: `this is not YAML: ${message}`,
    }));
    if (errors.length > 0) throw new InvalidConfiguration(errors);
    try {
      this.data = this.#document.toJS();
    } catch (error) {
      throw new InvalidConfiguration([{ at: this.#place(0), message: explain(error) }]);
    }
    this.warnings = this.#document.warnings.map(
      (warning) => `${this.#place(warning.pos[0])}: ${warning.message}`,
    );
  }

  /** `FILE:LINE:COL` of a value, or of what is nearest above it; the key's own place where `ofKey`. */
  at(path: Path, ofKey = false): string {
    return this.#place(this.#offsetOf(path, ofKey));
  }

  inOrder(findings: readonly Finding[]): Finding[] {
    return findings
      .map((finding) => ({ finding, offset: this.#offsetOf(finding.path, finding.ofKey) }))
      .sort((a, b) => a.offset - b.offset)
      .map(({ finding }) => finding);
  }

  /** The findings as problems, in the order of the file. */
  locate(findings: readonly Finding[]): Problem[] {
    return this.inOrder(findings).map(({ path, message, ofKey }) => ({ at: this.at(path, ofKey), message }));
  }

  #place(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.label}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  }

  /** Walks to a value, through aliases, and as far as it can. */
  #offsetOf(path: Path, ofKey = false): number {
    let node: unknown = this.#document.contents;
    let offset = rangeStart(node) ?? 0;
    for (const [depth, step] of path.entries()) {
      if (yaml.isAlias(node)) node = node.resolve(this.#document);
      if (yaml.isMap(node)) {
        const pair = node.items.find((item) => keyText(item.key) === String(step));
        if (pair === undefined) break;
        const last = depth === path.length - 1;
        offset = rangeStart(last && ofKey ? pair.key : pair.value) ?? rangeStart(pair.key) ?? offset;
        node = pair.value;
      } else if (yaml.isSeq(node)) {
        node = node.items[Number(step)];
        offset = rangeStart(node) ?? offset;
      } else break;
    }
    return offset;
  }
}

function keyText(key: unknown): string {
  return typeof key === 'object' && key !== null && 'value' in key ? String(key.value) : String(key);
}

function rangeStart(node: unknown): number | undefined {
  const range = (node as { range?: [number, number, number] | null } | null | undefined)?.range;
  return range?.[0];
}

import { SearchRefusal } from '../../clients/search/refusal.js';
import type { DocumentName, Hit, ScanOptions, SearchEngine, StoredDocument } from '../engine.js';
import type { Side } from './side.js';

export interface PlacedDocument extends StoredDocument {
  /** The concrete index that has it. */
  readonly index: string;
}

/** What an index holds: whatever is behind an index, alias or data stream. */
export class IndexSide implements Side {
  readonly engine: SearchEngine;
  /** An index, alias or data stream. */
  readonly name: string;
  readonly #concrete: readonly string[];

  /** @param concrete the indices behind the name */
  constructor(
    engine: SearchEngine,
    index: string,
    concrete: readonly string[],
    readonly estimate: number | undefined,
  ) {
    this.engine = engine;
    this.name = index;
    this.#concrete = concrete;
  }

  get label(): string {
    return `${this.name} at ${this.engine.address}`;
  }

  documents(signal: AbortSignal): AsyncIterable<readonly Hit[]> {
    return this.#scan({ signal });
  }

  /** The names of all documents. */
  names(signal: AbortSignal): AsyncIterable<readonly Hit[]> {
    return this.#scan({ signal, source: false });
  }

  /** The documents as they are now; undefined for those that there are not. */
  async read(
    names: readonly DocumentName[],
    signal: AbortSignal,
  ): Promise<readonly (PlacedDocument | undefined)[]> {
    const found: (PlacedDocument | undefined)[] = new Array<undefined>(names.length).fill(undefined);
    // No engine reads from several indices at once by id alone.
    for (const index of this.#concrete) {
      const read = await this.engine.read(index, names, signal);
      for (const [i, document] of read.entries()) if (document) found[i] ??= { ...document, index };
    }
    return found;
  }

  async *#scan(options: ScanOptions): AsyncGenerator<readonly Hit[]> {
    await this.engine.refresh(this.name, options.signal).catch((error: unknown) => {
      // What is not visible yet is found when it is looked at a second time.
      if (!(error instanceof SearchRefusal && error.status === 403)) throw error;
    });
    yield* this.engine.scan(this.name, options);
  }
}

import { SearchRefusal } from '../../clients/search/refusal.js';
import { UserError } from '../../core/errors.js';
import type { DocumentName, Hit, ScanOptions, SearchEngine, StoredDocument } from '../engine.js';
import type { Side } from './side.js';

export interface IndexSideOptions {
  readonly estimate: number | undefined;
  /** Documents that it is compared with can have a routing. Where they cannot, one of its own that has it is refused. */
  readonly takesRouting: boolean;
}

/** What an index holds: whatever is behind an index, alias or data stream. */
export class IndexSide implements Side {
  readonly engine: SearchEngine;
  /** An index, alias or data stream. */
  readonly name: string;
  readonly estimate: number | undefined;
  readonly #takesRouting: boolean;

  constructor(engine: SearchEngine, index: string, { estimate, takesRouting }: IndexSideOptions) {
    this.engine = engine;
    this.name = index;
    this.estimate = estimate;
    this.#takesRouting = takesRouting;
  }

  get label(): string {
    return `${this.name} at ${this.engine.address}`;
  }

  /** @throws UserError exit 2 `ROUTING_MISSING` */
  documents(signal: AbortSignal): AsyncIterable<readonly Hit[]> {
    return this.#scan({ signal });
  }

  /** The names of all documents. @throws as `documents` */
  names(signal: AbortSignal): AsyncIterable<readonly Hit[]> {
    return this.#scan({ signal, source: false });
  }

  /**
   * The documents as they are now; undefined for those that there are not. A shard has an id only once: what it has can be of
   * another routing than was asked for.
   */
  read(
    names: readonly DocumentName[],
    signal: AbortSignal,
  ): Promise<readonly (StoredDocument | undefined)[]> {
    return this.engine.read(this.name, names, signal);
  }

  async *#scan(options: ScanOptions): AsyncGenerator<readonly Hit[]> {
    await this.engine.refresh(this.name, options.signal).catch((error: unknown) => {
      // What is not visible yet is found when it is looked at a second time.
      if (!(error instanceof SearchRefusal && error.status === 403)) throw error;
    });
    for await (const hits of this.engine.scan(this.name, options)) {
      if (!this.#takesRouting && hits.some(({ routing }) => routing !== undefined))
        throw this.#needsRouting();
      yield hits;
    }
  }

  #needsRouting(): UserError {
    return new UserError(`${this.name} has documents with a routing, and the source gives none`, {
      code: 'ROUTING_MISSING',
      hint: 'Say which field it was taken from, as search index was told: --routing FIELD',
    });
  }
}

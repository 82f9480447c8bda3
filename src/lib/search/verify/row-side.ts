import type { ByteString } from '../../core/bytes.js';
import type { RowSource } from '../../sources/row-source.js';
import type { HeldForm } from '../engine.js';
import { documentOf, idOf } from '../row-document.js';
import type { Side, SideDocument } from './side.js';

export interface RowSideOptions {
  /** The field whose text is the document's id; without one it is made of the document. */
  readonly id: string | undefined;
  /** The field whose text is the document's routing. */
  readonly routing: string | undefined;
  /** How the index gives documents back. */
  readonly heldForm?: HeldForm | undefined;
}

/** Rows as the documents that `search index` makes of them. */
export class RowSide<Row = unknown> implements Side {
  /** Rows that are no documents, when they were read the last time: malformed lines, and ids that are null or empty. */
  refused = 0;
  readonly #source: RowSource<Row>;
  readonly #documentOf: (row: Row) => ByteString;
  readonly #idOf: (row: Row, document: ByteString) => ByteString | null;
  readonly #routingOf: ((row: Row) => ByteString | null) | undefined;
  readonly #heldForm: HeldForm | undefined;

  /** @throws UserError `COLUMN_MISSING` */
  constructor(source: RowSource<Row>, { id, routing, heldForm }: RowSideOptions) {
    this.#source = source;
    this.#documentOf = documentOf(source);
    this.#idOf = idOf(source, id);
    this.#routingOf = routing === undefined ? undefined : source.column(routing);
    this.#heldForm = heldForm;
  }

  get label(): string {
    return this.#source.label;
  }

  get estimate(): number | undefined {
    return this.#source.estimatedRows;
  }

  async *documents(signal: AbortSignal): AsyncGenerator<readonly SideDocument[]> {
    this.refused = 0;
    for await (const { rows, rejected } of this.#source.batches({ signal })) {
      this.refused += rejected.length;
      const documents: SideDocument[] = [];
      for (const row of rows) {
        const source = this.#documentOf(row);
        const id = this.#idOf(row, source);
        if (id === null) this.refused++;
        else
          documents.push({
            id,
            source: this.#heldForm?.(id, source) ?? source,
            routing: this.#routingOf?.(row) ?? undefined,
          });
      }
      yield documents;
    }
  }
}

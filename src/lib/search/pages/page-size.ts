/** Large enough that a page's fixed costs do not count, small enough for both sides' memory. */
const targetBytes = 4 * 1024 * 1024;
/** Documents of a first page: they may have many megabytes each. */
const firstDocuments = 10;
/** A page may have longer documents than the one before. */
const mostGrowth = 8;
/** Half of what servers allow (`index.max_result_window`). */
const mostDocuments = 5000;

/** How many documents to ask for, so that a page has about as many bytes as pays. */
export class PageSize {
  readonly #most: number;
  #documents: number;

  /** @param hasSource false: hits without documents are short */
  constructor(most = mostDocuments, hasSource = true) {
    this.#most = Math.min(most, mostDocuments);
    this.#documents = hasSource ? Math.min(firstDocuments, this.#most) : this.#most;
  }

  get documents(): number {
    return this.#documents;
  }

  /** @param bytes of the page, and all that is around its documents */
  saw(documents: number, bytes: number): void {
    if (documents === 0) return;
    const fitting = Math.floor((targetBytes * documents) / bytes);
    this.#documents = Math.max(1, Math.min(fitting, this.#documents * mostGrowth, this.#most));
  }

  /** @returns false when it is one document already */
  shrink(): boolean {
    if (this.#documents === 1) return false;
    this.#documents = Math.ceil(this.#documents / 8);
    return true;
  }
}

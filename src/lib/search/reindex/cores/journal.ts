import type { Clock } from '../../../core/clock.js';
import { ServiceConflict } from '../../../core/errors.js';
import type { SolrClient } from '../../solr/client.js';
import { newHolder } from '../journal.js';
import { type CoreMark, readMark, saveMark } from './mark.js';

/** Two that take over at once both write, and both see who wrote last. */
const settleMs = 300;

/** The mark of a reindex while this process works on it. */
export class CoreJournal {
  readonly #client: SolrClient;
  readonly #asked: string;
  readonly #clock: Clock;
  /** The name that the destination has now. */
  #core: string;
  #mark: CoreMark;

  private constructor(client: SolrClient, asked: string, core: string, clock: Clock, mark: CoreMark) {
    this.#client = client;
    this.#asked = asked;
    this.#core = core;
    this.#clock = clock;
    this.#mark = mark;
  }

  /** @throws ServiceConflict exit 4 when somebody else takes it at the same time */
  static async open(
    client: SolrClient,
    asked: string,
    core: string,
    clock: Clock,
    mark: CoreMark,
    signal: AbortSignal,
  ): Promise<CoreJournal> {
    const journal = new CoreJournal(client, asked, core, clock, { ...mark, holder: await newHolder(clock) });
    await saveMark(client, core, asked, journal.#mark, signal);
    await clock.sleep(settleMs, signal);
    await journal.#requireHeld(signal);
    return journal;
  }

  get mark(): CoreMark {
    return this.#mark;
  }

  /** @throws ServiceConflict exit 4 when somebody else has taken it over */
  async save(changes: Partial<CoreMark>, signal: AbortSignal): Promise<void> {
    await this.#requireHeld(signal);
    const holder = this.#mark.holder && { ...this.#mark.holder, seenAt: this.#clock.now() };
    this.#mark = { ...this.#mark, holder, ...changes };
    await saveMark(this.#client, this.#core, this.#asked, this.#mark, signal);
  }

  /** The destination has another name from now on. */
  movedTo(core: string): void {
    this.#core = core;
  }

  async #requireHeld(signal: AbortSignal): Promise<void> {
    const held = await readMark(this.#client, this.#core, this.#asked, signal);
    if (held?.holder?.token !== this.#mark.holder?.token)
      throw new ServiceConflict(
        held === undefined
          ? `the mark of this reindex is gone from the parameters of '${this.#core}'`
          : `this reindex was taken over by another process`,
        { code: 'REINDEX_RUNS' },
      );
  }
}

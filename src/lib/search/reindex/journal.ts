import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';

import type { Clock } from '../../core/clock.js';
import { ServiceConflict } from '../../core/errors.js';
import { hasEnded, isRunning, ownIdentity } from '../../core/process-identity.js';
import { formatDuration } from '../../core/units.js';
import type { ElasticClient } from '../elastic/client.js';
import { readIndices } from './index-facts.js';
import { type Holder, type ReindexState, saveState, stateOf } from './state.js';

/** How long a holder on another host that says nothing counts as running. */
const silenceMs = 90_000;
const saveEveryMs = 5000;
const beatMs = 20_000;
/** Two that take over at once both write, and both see who wrote last. */
const settleMs = 300;

/** The state of a reindex while this process works on it. */
export class Journal {
  #state: ReindexState;
  #savedAt: number;
  /** Of two saves at once the older state could be written last. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly client: ElasticClient,
    /** Whose mapping has the state. */
    readonly index: string,
    readonly clock: Clock,
    state: ReindexState,
  ) {
    this.#state = state;
    this.#savedAt = clock.monotonic();
  }

  /**
   * Takes the state over, or begins with it.
   * @throws ServiceConflict exit 4 when somebody else takes it at the same time
   */
  static async open(
    client: ElasticClient,
    index: string,
    state: ReindexState,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<Journal> {
    const journal = new Journal(client, index, clock, { ...state, holder: await newHolder(clock) });
    await saveState(client, index, journal.#state, signal);
    await clock.sleep(settleMs, signal);
    await journal.#requireHeld(signal);
    return journal;
  }

  get state(): ReindexState {
    return this.#state;
  }

  /** @throws ServiceConflict exit 4 when somebody else has taken it over */
  save(changes: Partial<ReindexState>, signal: AbortSignal): Promise<void> {
    const saved = this.#last.then(() => this.#save(changes, signal));
    this.#last = saved.catch(() => {});
    return saved;
  }

  async #save(changes: Partial<ReindexState>, signal: AbortSignal): Promise<void> {
    await this.#requireHeld(signal);
    const holder = { ...this.#state.holder!, seenAt: this.clock.now() };
    this.#state = { ...this.#state, holder, ...changes };
    await saveState(this.client, this.index, this.#state, signal);
    this.#savedAt = this.clock.monotonic();
  }

  /** Saves how far it came, now and then. */
  async reach(shard: number, seqNo: number, signal: AbortSignal): Promise<void> {
    this.#state = { ...this.#state, reached: this.#state.reached.with(shard, seqNo) };
    if (this.clock.monotonic() - this.#savedAt > saveEveryMs) await this.save({}, signal);
  }

  /**
   * Does what may take long, and says now and then that it is being done.
   * @param work its signal is aborted, with a ServiceConflict, when somebody else has taken the state over
   */
  async whileHeld<T>(signal: AbortSignal, work: (held: AbortSignal) => Promise<T>): Promise<T> {
    const [taken, over] = [new AbortController(), new AbortController()];
    const held = AbortSignal.any([signal, taken.signal]);
    const beating = this.#beat(AbortSignal.any([held, over.signal]), taken);
    try {
      return await work(held);
    } finally {
      over.abort();
      await beating;
    }
  }

  async #beat(signal: AbortSignal, taken: AbortController): Promise<void> {
    while (!signal.aborted)
      try {
        await this.clock.sleep(beatMs, signal);
        await this.save({}, signal);
      } catch (error) {
        // What else fails is tried again, and fails the work, too, when it lasts.
        if (error instanceof ServiceConflict) taken.abort(error);
      }
  }

  /** Leaves it to whoever continues. */
  async release(signal: AbortSignal): Promise<void> {
    await this.save({ holder: undefined }, signal);
  }

  /** It is over. */
  async remove(signal: AbortSignal): Promise<void> {
    await saveState(this.client, this.index, undefined, signal);
  }

  async #requireHeld(signal: AbortSignal): Promise<void> {
    const [facts] = await readIndices(this.client, this.index, signal);
    const holder = facts && stateOf(facts)?.holder;
    if (holder?.token !== this.#state.holder?.token)
      throw new ServiceConflict(
        holder === undefined
          ? `the state of this reindex is gone from the mapping of '${this.index}'`
          : `this reindex was taken over by ${named(holder)}`,
        { code: 'REINDEX_RUNS' },
      );
  }
}

/** This process, for one attempt. */
export async function newHolder(clock: Clock): Promise<Holder> {
  const token = randomBytes(16).toString('hex');
  return { token, host: hostname(), ...(await ownIdentity()), seenAt: clock.now() };
}

/** @throws ServiceConflict exit 4 when somebody works on it */
export async function requireFree(
  { holder }: Pick<ReindexState, 'holder'>,
  asked: string,
  clock: Clock,
): Promise<void> {
  if (holder === undefined || (await hasEnded(holder))) return;
  const silence = clock.now() - holder.seenAt;
  if (!(await isRunning(holder)) && silence > silenceMs) return;
  throw new ServiceConflict(`'${asked}' is being reindexed by ${named(holder)}`, {
    code: 'REINDEX_RUNS',
    hint: `It was last seen ${formatDuration(Math.max(0, silence))} ago. Wait for it to end, or stop it.`,
  });
}

function named({ host, pid }: Holder): string {
  return `process ${pid} on ${host}`;
}

import type { ByteString } from '../../core/bytes.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { parseInfo, redirectAddress, type RedisClient } from './client.js';
import { askingCommand } from './commands.js';
import type { RedisAddress } from './address.js';
import { ConnectionLost, type RedisConnection } from './connection.js';
import { encodeCommand, RedisError, type Reply } from './resp.js';
import { isPassing, Retrier, stayedAway } from './retrier.js';
import { asText } from './shapes.js';

export interface BulkOptions<T> {
  signal: AbortSignal;
  /** Commands sent to a master in one write. */
  batch: number;
  /** Writes under way to a master at once. */
  window: number;
  keyOf(item: T): ByteString;
  /** The item's command, encoded. It must be safe to send again: its answer may get lost after it was carried out. */
  encode(item: T): string;
  /** Called once for each item. `repeated`: its command was sent before, and that answer was lost. */
  settled(item: T, reply: Reply, repeated: boolean): void;
}

/**
 * `fresh`: no answer was lost. `repeated`: an answer was lost, so the command may have been carried out already.
 * `settled`: reported to the caller, and sent again only because a replica may have missed it.
 */
type Kind = 'fresh' | 'repeated' | 'settled';

/** Commands of one kind, in their order; `sequences` is aligned with `items`. */
interface Batch<T> {
  kind: Kind;
  items: T[];
  sequences: number[];
}

interface Retry<T> {
  item: T;
  sequence: number;
  kind: Kind;
  ask?: RedisAddress | undefined;
}

/** The way to one master. */
interface Lane<T> {
  connection: RedisConnection;
  runId: string;
  replicated: boolean;
  queue: Batch<T>;
  underWay: Set<Promise<void>>;
  /** Acknowledged by the master, not yet known to be on a replica, oldest first. */
  unconfirmed: Batch<T>[];
  sinceWait: number;
  waitEvery: number;
}

const waitEvery = 10_000;
/** Batches kept for a master whose replicas don't answer. */
const unconfirmedLimit = 200;

/**
 * Pipelines commands to the masters of a server or cluster, one socket each, and sees every one of them through
 * restarts, failovers and redirects.
 *
 * When anything goes wrong on the way, new commands wait, what is under way ends, the topology is asked again, and
 * what has no answer is sent again in its first order, so that of two commands on one key the later one stays the
 * last. Writes that a master acknowledged are kept until WAIT says that a replica has them, and are repeated when
 * the master is lost before that.
 */
export class RedisBulk<T> {
  readonly #lanes = new Map<string, Lane<T>>();
  #retry: Retry<T>[] = [];
  #sequence = 0;
  /** Run ids of lost masters, to tell a restart from a broken connection. */
  readonly #gone = new Map<string, string>();
  /** What `settled` threw. */
  #failure: Error | undefined;
  /** Masters that came back with their memory gone. */
  restarts = 0;

  constructor(
    private readonly client: RedisClient,
    private readonly options: BulkOptions<T>,
  ) {}

  /** Returns when there is room for more. @throws ServiceUnavailable. */
  async execute(items: readonly T[]): Promise<void> {
    const { keyOf, batch, window, signal } = this.options;
    if (this.#troubled()) await this.#recover();
    for (const item of items) {
      const sequence = this.#sequence++;
      let lane: Lane<T>;
      try {
        const { node } = this.client.masterOf(keyOf(item));
        lane = this.#lanes.get(node) ?? (await this.#lane(keyOf(item)));
      } catch (error) {
        if (!(error instanceof ServiceUnavailable)) throw error;
        this.#retry.push({ item, sequence, kind: 'fresh' });
        await this.#recover();
        continue;
      }
      this.#enqueue(lane, item, sequence, 'fresh');
      if (lane.queue.items.length < batch) continue;
      this.#send(lane);
      while (lane.underWay.size >= window) await Promise.race(lane.underWay);
      if (this.#troubled()) await this.#recover();
    }
    if (this.#failure !== undefined) throw this.#failure;
    signal.throwIfAborted();
  }

  /** Returns when everything is settled and, where there are replicas, on one of them. @throws ServiceUnavailable. */
  async drain(): Promise<void> {
    for (;;) {
      for (const lane of this.#lanes.values()) {
        this.#send(lane);
        if (lane.unconfirmed.length > 0) this.#wait(lane, 1000);
      }
      await this.#idle();
      if (this.#troubled()) await this.#recover();
      else if (!this.client.cluster && this.#gone.size > 0) await this.#lane('' as ByteString);
      else return;
    }
  }

  /** Returns when everything that was answered is settled. */
  async close(): Promise<void> {
    const lanes = [...this.#lanes.values()];
    this.#lanes.clear();
    for (const { connection } of lanes) connection.close();
    for (const { underWay } of lanes) await Promise.all(underWay);
  }

  async #lane(key: ByteString): Promise<Lane<T>> {
    const { node, address } = this.client.masterOf(key);
    const known = this.#lanes.get(node);
    if (known) return known;
    const connection = await this.client.dedicated(address);
    const info = parseInfo(asText(await connection.call(['INFO']), node));
    const lane: Lane<T> = {
      connection,
      runId: info.run_id ?? '',
      replicated: Number(info.connected_slaves ?? 0) > 0,
      queue: newBatch('fresh'),
      underWay: new Set(),
      unconfirmed: [],
      sinceWait: 0,
      waitEvery,
    };
    this.#lanes.set(node, lane);
    const before = this.#gone.get(node);
    if (before !== undefined && before !== lane.runId) this.restarts++;
    this.#gone.delete(node);
    return lane;
  }

  #enqueue(lane: Lane<T>, item: T, sequence: number, kind: Kind): void {
    if (lane.queue.kind !== kind) {
      this.#send(lane);
      lane.queue.kind = kind;
    }
    lane.queue.items.push(item);
    lane.queue.sequences.push(sequence);
  }

  #send(lane: Lane<T>): void {
    const batch = lane.queue;
    const { items } = batch;
    if (items.length === 0) return;
    lane.queue = newBatch(batch.kind);
    let text = '';
    for (const item of items) text += this.options.encode(item);
    this.#track(lane, this.#answers(lane, batch, lane.connection.pipeline(text, items.length)));
    lane.sinceWait += items.length;
    if (lane.replicated && lane.sinceWait >= lane.waitEvery) this.#wait(lane, 100);
  }

  async #answers(
    lane: Pick<Lane<T>, 'connection' | 'unconfirmed' | 'replicated'>,
    batch: Batch<T>,
    answers: Promise<Reply[]>,
  ) {
    let replies: Reply[];
    try {
      replies = await answers;
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      replies = error.replies;
    }
    const { kind, items, sequences } = batch;
    const confirmable = lane.replicated ? newBatch<T>('settled') : undefined;
    for (let i = 0; i < items.length; i++) {
      const item = items[i]!;
      const sequence = sequences[i]!;
      const reply = replies[i];
      if (reply === undefined) {
        this.#retry.push({ item, sequence, kind: kind === 'fresh' ? 'repeated' : kind });
      } else if (isPassing(reply)) {
        // It was answered, and not carried out.
        this.#retry.push({
          item,
          sequence,
          kind,
          ask: reply.code === 'ASK' ? redirectAddress(reply, lane.connection.address) : undefined,
        });
      } else {
        if (kind !== 'settled') this.options.settled(item, reply, kind === 'repeated');
        if (confirmable && !(reply instanceof RedisError)) {
          confirmable.items.push(item);
          confirmable.sequences.push(sequence);
        }
      }
    }
    if (confirmable && confirmable.items.length > 0) lane.unconfirmed.push(confirmable);
  }

  /** Asks the master to say when a replica has everything sent so far. */
  #wait(lane: Lane<T>, timeoutMs: number): void {
    lane.sinceWait = 0;
    const work = lane.connection.pipeline(encodeCommand(['WAIT', '1', `${timeoutMs}`]), 1).then(
      ([replicas]) => {
        // Answers come in order: what is in the list now was sent before WAIT.
        if (typeof replicas === 'number' && replicas > 0) {
          lane.unconfirmed = [];
          lane.waitEvery = waitEvery;
        } else {
          // The replicas are away: asking often would only cost the time-out again and again.
          lane.waitEvery = waitEvery * 10;
          lane.unconfirmed.splice(0, lane.unconfirmed.length - unconfirmedLimit);
        }
      },
      () => {},
    );
    this.#track(lane, work);
  }

  #track(lane: Lane<T>, work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        this.#failure ??= error as Error;
      })
      .finally(() => lane.underWay.delete(tracked));
    lane.underWay.add(tracked);
  }

  async #idle(): Promise<void> {
    for (const lane of this.#lanes.values()) while (lane.underWay.size > 0) await Promise.all(lane.underWay);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #troubled(): boolean {
    if (this.#retry.length > 0) return true;
    for (const lane of this.#lanes.values()) if (lane.connection.lost) return true;
    return false;
  }

  async #recover(): Promise<void> {
    const { client, options } = this;
    const retrier = new Retrier(client.options.requestTimeoutMs, options.signal);
    let problem: ServiceUnavailable | undefined;
    for (;;) {
      await this.#idle();
      options.signal.throwIfAborted();
      const left = this.#collect();
      if (left.length === 0) return;
      const met = await client.refresh().then(
        () => this.#sendAgain(left),
        (error: unknown) => {
          options.signal.throwIfAborted();
          if (!(error instanceof ServiceUnavailable)) throw error;
          this.#retry.push(...left);
          return error;
        },
      );
      problem = met ?? problem;
      if (this.#retry.length < left.length) retrier.succeeded();
      if (this.#retry.length > 0) await retrier.pause(stayedAway(client.target, retrier.patienceMs, problem));
    }
  }

  /** Everything that has to be sent again, in its first order; lanes that were lost are taken down. */
  #collect(): Retry<T>[] {
    const again = this.#retry;
    this.#retry = [];
    for (const [node, lane] of this.#lanes) {
      const batches = [lane.queue];
      lane.queue = newBatch('fresh');
      if (lane.connection.lost) {
        batches.push(...lane.unconfirmed);
        this.#lanes.delete(node);
        this.#gone.set(node, lane.runId);
      }
      for (const { kind, items, sequences } of batches)
        for (const [i, item] of items.entries()) again.push({ item, sequence: sequences[i]!, kind });
    }
    return again.sort((a, b) => a.sequence - b.sequence);
  }

  /** @returns why not everything could be sent; the rest is put back to be tried later. */
  async #sendAgain(commands: Retry<T>[]): Promise<ServiceUnavailable | undefined> {
    let problem: ServiceUnavailable | undefined;
    for (const [i, { item, sequence, kind, ask }] of commands.entries()) {
      try {
        const lane = await this.#lane(this.options.keyOf(item));
        if (ask) {
          await this.#ask(lane, { kind, items: [item], sequences: [sequence] }, ask);
        } else {
          this.#enqueue(lane, item, sequence, kind);
          if (lane.queue.items.length >= this.options.batch) this.#send(lane);
        }
      } catch (error) {
        if (!(error instanceof ServiceUnavailable)) throw error;
        problem = error;
        this.#retry.push(...commands.slice(i));
        break;
      }
    }
    for (const lane of this.#lanes.values()) this.#send(lane);
    await this.#idle();
    return problem;
  }

  /** A slot that is being moved: the key's command is carried out by its new master, when asked so. */
  async #ask(lane: Lane<T>, batch: Batch<T>, address: RedisAddress): Promise<void> {
    this.#send(lane);
    const connection = await this.client.connect(address);
    const answer = connection
      .pipeline(askingCommand + this.options.encode(batch.items[0]!), 2)
      .then((replies) => replies.slice(1));
    await this.#answers({ connection, unconfirmed: [], replicated: false }, batch, answer);
  }
}

function newBatch<T>(kind: Kind): Batch<T> {
  return { kind, items: [], sequences: [] };
}

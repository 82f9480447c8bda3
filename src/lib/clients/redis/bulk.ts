import type { ByteString } from '../../core/bytes.js';
import { systemClock } from '../../core/clock.js';
import { ServiceUnavailable } from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';
import { isPassing, parseInfo, redirectAddress, type RedisClient } from './client.js';
import { ConnectionLost, type RedisAddress, RedisConnection } from './connection.js';
import { encodeCommand, RedisError, type Reply } from './resp.js';

/** A command on one key. It must be safe to send again: its answer may get lost after it was carried out. */
export interface BulkCommand<T> {
  key: ByteString;
  encoded: ByteString;
  item: T;
}

export interface BulkOptions<T> {
  signal: AbortSignal;
  /** Commands sent to a master in one write. */
  batch: number;
  /** Writes under way to a master at once. */
  window: number;
  /** Called once for each command. `repeated`: it was sent before, and that answer was lost. */
  settled(item: T, reply: Reply, repeated: boolean): void;
}

interface Pending<T> extends BulkCommand<T> {
  sequence: number;
  sent: number;
  /** Was reported to `settled`, and is sent again only because a replica may have missed it. */
  settled: boolean;
  ask?: RedisAddress | undefined;
}

/** The way to one master. */
interface Lane<T> {
  connection: RedisConnection;
  runId: string;
  replicated: boolean;
  queue: Pending<T>[];
  underWay: Set<Promise<void>>;
  /** Acknowledged by the master, not yet known to be on a replica, oldest first. */
  unconfirmed: Pending<T>[];
  sinceWait: number;
  waitEvery: number;
}

const waitEvery = 10_000;
const unconfirmedLimit = 100_000;

/**
 * Pipelines commands to the masters of a server or cluster, one socket each, and sees every one of them through
 * restarts, failovers and redirects.
 *
 * When anything goes wrong on the way, new commands wait, what is under way ends, the topology is asked anew, and
 * what has no answer is sent again in its first order, so that of two commands on one key the later one stays the
 * last. Writes that a master acknowledged are kept until WAIT says that a replica has them, and are repeated when
 * the master is lost before that.
 */
export class RedisBulk<T> {
  readonly #lanes = new Map<string, Lane<T>>();
  #retry: Pending<T>[] = [];
  #sequence = 0;
  /** Run ids of lost masters, to tell a restart from a broken connection. */
  readonly #gone = new Map<string, string>();
  /** What `settled` threw. */
  #failure: unknown;
  /** Masters that came back with their memory gone. */
  restarts = 0;
  /** Commands sent again after a lost connection or a failover. */
  repeated = 0;

  constructor(
    private readonly client: RedisClient,
    private readonly options: BulkOptions<T>,
  ) {}

  /** Returns when there is room for more. @throws ServiceUnavailable. */
  async execute(commands: readonly BulkCommand<T>[]): Promise<void> {
    if (this.#troubled()) await this.#recover();
    for (const command of commands) {
      const pending: Pending<T> = { ...command, sequence: this.#sequence++, sent: 0, settled: false };
      let lane: Lane<T>;
      try {
        lane = this.#lanes.get(this.client.masterOf(command.key).node) ?? (await this.#lane(command.key));
      } catch (error) {
        if (!(error instanceof ServiceUnavailable)) throw error;
        this.#retry.push(pending);
        await this.#recover();
        continue;
      }
      lane.queue.push(pending);
      if (lane.queue.length >= this.options.batch) {
        this.#send(lane);
        while (lane.underWay.size >= this.options.window) await Promise.race(lane.underWay);
        if (this.#troubled()) await this.#recover();
      }
    }
    if (this.#failure !== undefined) throw this.#failure;
    this.options.signal.throwIfAborted();
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
      else if (!this.client.cluster && this.#gone.size > 0) await this.#lane('');
      else return;
    }
  }

  close(): void {
    for (const lane of this.#lanes.values()) lane.connection.close();
    this.#lanes.clear();
  }

  async #lane(key: ByteString): Promise<Lane<T>> {
    const { node, address } = this.client.masterOf(key);
    const known = this.#lanes.get(node);
    if (known) return known;
    const connection = await this.client.dedicated(address);
    const info = parseInfo((await connection.call(['INFO'])) as string);
    const lane: Lane<T> = {
      connection,
      runId: info.run_id ?? '',
      replicated: Number(info.connected_slaves ?? 0) > 0,
      queue: [],
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

  #send(lane: Lane<T>): void {
    if (lane.queue.length === 0) return;
    const batch = lane.queue;
    lane.queue = [];
    let text = '';
    for (const command of batch) {
      text += command.encoded;
      if (command.sent++ > 0) this.repeated++;
    }
    this.#track(lane, this.#answers(lane, batch, lane.connection.pipeline(text, batch.length)));
    lane.sinceWait += batch.length;
    if (lane.replicated && lane.sinceWait >= lane.waitEvery) this.#wait(lane, 100);
  }

  async #answers(lane: Lane<T>, batch: Pending<T>[], answers: Promise<Reply[]>): Promise<void> {
    let replies: Reply[];
    try {
      replies = await answers;
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      replies = error.replies;
    }
    for (let i = 0; i < batch.length; i++) {
      const command = batch[i]!;
      const reply = replies[i];
      if (reply === undefined) {
        this.#retry.push(command);
      } else if (isPassing(reply)) {
        if (reply.code === 'ASK') command.ask = redirectAddress(reply);
        // It was answered, and not carried out.
        command.sent--;
        this.#retry.push(command);
      } else {
        if (!command.settled) this.options.settled(command.item, reply, command.sent > 1);
        command.settled = true;
        if (lane.replicated && !(reply instanceof RedisError)) lane.unconfirmed.push(command);
      }
    }
  }

  /** Asks the master to say when a replica has everything sent so far. */
  #wait(lane: Lane<T>, timeoutMs: number): void {
    lane.sinceWait = 0;
    const upTo = this.#sequence;
    const answer = lane.connection.pipeline(encodeCommand(['WAIT', '1', String(timeoutMs)]), 1);
    this.#track(
      lane,
      answer.then(
        ([replicas]) => {
          if (typeof replicas === 'number' && replicas > 0) {
            lane.unconfirmed = lane.unconfirmed.filter((command) => command.sequence >= upTo);
            lane.waitEvery = waitEvery;
          } else {
            // The replicas are away: asking often would only cost the time-out again and again.
            lane.waitEvery = waitEvery * 10;
            if (lane.unconfirmed.length > unconfirmedLimit)
              lane.unconfirmed = lane.unconfirmed.slice(-unconfirmedLimit);
          }
        },
        () => {},
      ),
    );
  }

  #track(lane: Lane<T>, work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => {
        this.#failure ??= error;
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
    const patience = this.client.options.requestTimeoutMs;
    let deadline = systemClock.monotonic() + patience;
    let problem: Error | undefined;
    for (let attempt = 0; ; attempt++) {
      await this.#idle();
      this.options.signal.throwIfAborted();
      const left = this.#collect();
      if (left.length === 0 && !this.#troubled()) return;
      if (systemClock.monotonic() > deadline)
        throw new ServiceUnavailable(
          `Redis at ${this.client.target} stayed away for ${formatDuration(patience)}${problem ? `: ${problem.message}` : ''}`,
          { hint: 'What was written stays. requestTimeout sets how long to wait.' },
        );
      if (attempt > 0) await systemClock.sleep(Math.min(25 * 2 ** attempt, 500), this.options.signal);
      try {
        await this.client.refresh();
        await this.#sendAgain(left);
      } catch (error) {
        this.options.signal.throwIfAborted();
        if (!(error instanceof ServiceUnavailable)) throw error;
        problem = error;
      }
      if (this.#retry.length < left.length) deadline = systemClock.monotonic() + patience;
    }
  }

  /** Everything that has to be sent again, in its first order; lanes that were lost are taken down. */
  #collect(): Pending<T>[] {
    const again = this.#retry;
    this.#retry = [];
    for (const [node, lane] of this.#lanes) {
      again.push(...lane.queue.splice(0));
      if (!lane.connection.lost) continue;
      again.push(...lane.unconfirmed);
      this.#lanes.delete(node);
      this.#gone.set(node, lane.runId);
    }
    return again.sort((a, b) => a.sequence - b.sequence);
  }

  async #sendAgain(commands: Pending<T>[]): Promise<void> {
    for (const [i, command] of commands.entries()) {
      try {
        if (command.ask) {
          await this.#ask(command, command.ask);
          continue;
        }
        const lane = await this.#lane(command.key);
        lane.queue.push(command);
        if (lane.queue.length >= this.options.batch) this.#send(lane);
      } catch (error) {
        this.#retry.push(...commands.slice(i));
        throw error;
      }
    }
    for (const lane of this.#lanes.values()) this.#send(lane);
    await this.#idle();
  }

  /** A slot that is being moved: the key's command is carried out by its new master, when asked so. */
  async #ask(command: Pending<T>, address: RedisAddress): Promise<void> {
    command.ask = undefined;
    command.sent++;
    const connection = await this.client.connect(address);
    const answer = connection
      .pipeline(encodeCommand(['ASKING']) + command.encoded, 2)
      .then((replies) => replies.slice(1));
    const lane = await this.#lane(command.key);
    await this.#answers({ ...lane, replicated: false }, [command], answer);
  }
}

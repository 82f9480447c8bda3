import type { ByteString } from '../../core/bytes.js';
import { systemClock } from '../../core/clock.js';
import { type ErrorDetails, ServiceUnavailable, type UserError } from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';
import type { RedisClient } from '../../clients/redis/client.js';
import type { RedisAddress } from '../../clients/redis/address.js';
import { ConnectionLost, type RedisConnection } from '../../clients/redis/connection.js';
import { refused } from '../../clients/redis/refusals.js';
import { encodeCommand, RedisError, type Reply } from '../../clients/redis/resp.js';
import { isPassing } from '../../clients/redis/retrier.js';
import { type PartitionKeys, partitionKeys } from './keys.js';
import { timeOfOperation } from './operation-id.js';
import { enqueue, enqueueAgain } from './scripts.js';

export interface SentEntry {
  id: ByteString;
  /** Of its partition; without a gap. */
  number: number;
  /**
   * By a call that may have been carried out before: the worker may have applied that, and later writes of the key
   * after it, which are the newer ones although this entry's id is higher.
   */
  requeued: boolean;
}

export interface SenderOptions {
  partitions: number;
  /** Replicas that must have an entry before it counts as queued. */
  replicas: number;
  /** How long to wait for them, milliseconds. */
  replicaTimeoutMs: number;
}

interface Call {
  /** Counts the calls. */
  order: number;
  partition: number;
  /** What to do, key, row, and more fields with their names. */
  fields: readonly ByteString[];
  /** It may have been carried out already. */
  again: boolean;
  deadline: number;
  resolve(queued: SentEntry): void;
  reject(error: unknown): void;
}

/** The write is queued, or may be, and the same call with this id makes certain of it. */
export class WriteUnsettled extends ServiceUnavailable {
  constructor(
    message: string,
    readonly operationId: string,
    details: Omit<ErrorDetails, 'exitCode'>,
  ) {
    super(message, details);
  }
}

interface Lane {
  connection: Promise<RedisConnection>;
  waiting: Call[];
}

/** How far back a repeated call is looked for, before the time in its operation id: clocks differ. */
const slackMs = 60_000;

/**
 * Puts entries into the queue, each once: calls of one tick share a write, and what lost its answer is sent again in a
 * form that finds the first one. Order of calls is the order in the queue.
 */
export class Sender {
  readonly #lanes = new Map<string, Lane>();
  readonly #keys: PartitionKeys[];
  #calls = 0;
  #later: Call[] = [];
  /** While some calls have to be sent again: keys and the latest of their calls that was queued meanwhile. */
  readonly #queued = new Map<ByteString, number>();
  #recovering: Promise<void> | undefined;
  #attempts = 0;
  #closed = false;
  /** Called after a connection was lost and the queue answers again. */
  reconnected: () => void = () => {};

  constructor(
    private readonly client: RedisClient,
    private readonly options: SenderOptions,
    private readonly signal: AbortSignal,
  ) {
    this.#keys = Array.from({ length: options.partitions }, (_, partition) => partitionKeys(partition));
  }

  /**
   * Resolves when the entry is queued and, where that was asked for, on a replica.
   * @throws ServiceUnavailable (code `QUEUE_FULL`, …), ServiceRefused; WriteUnsettled (code `NOT_REPLICATED`,
   * `WRITE_UNCERTAIN`).
   */
  send(partition: number, fields: readonly ByteString[], again: boolean): Promise<SentEntry> {
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + this.client.options.requestTimeoutMs;
      const call = { order: this.#calls++, partition, fields, again, deadline, resolve, reject };
      if (this.#recovering) this.#later.push(call);
      else this.#dispatch(call);
    });
  }

  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes.values()) lane.connection.then((open) => open.close()).catch(() => {});
    this.#lanes.clear();
  }

  #dispatch(call: Call): void {
    let lane: Lane;
    try {
      const { node, address } = this.client.masterOf(this.#keys[call.partition]!.stream);
      lane = this.#lanes.get(node) ?? { connection: this.#connect(address), waiting: [] };
      if (!this.#lanes.has(node)) {
        lane.connection.catch(() => {});
        this.#lanes.set(node, lane);
      }
    } catch (error) {
      this.#postpone([call], error);
      return;
    }
    lane.waiting.push(call);
    if (lane.waiting.length === 1) queueMicrotask(() => void this.#flush(lane));
  }

  async #connect(address: RedisAddress): Promise<RedisConnection> {
    const connection = await this.client.dedicated(address);
    await loadScripts(connection);
    return connection;
  }

  async #flush(lane: Lane): Promise<void> {
    let calls: Call[] = [];
    let replies: Reply[];
    const { replicas, replicaTimeoutMs } = this.options;
    try {
      const connection = await lane.connection;
      calls = lane.waiting.splice(0);
      let text = '';
      for (const call of calls) text += this.#encode(call);
      if (replicas > 0) text += encodeCommand(['WAIT', `${replicas}`, `${replicaTimeoutMs}`]);
      replies = await connection.pipeline(text, calls.length + (replicas > 0 ? 1 : 0));
    } catch (error) {
      const unsent = calls.length === 0 ? lane.waiting.splice(0) : [];
      for (const call of calls) call.again = true;
      const answered = error instanceof ConnectionLost ? error.replies : [];
      // Without a replica to wait for, an answer is an answer, also from a connection that broke afterwards.
      const settled = replicas > 0 ? 0 : Math.min(answered.length, calls.length);
      this.#settle(calls.slice(0, settled), answered.slice(0, settled));
      this.#postpone([...calls.slice(settled), ...unsent], error);
      return;
    }
    const acknowledged = replies[calls.length];
    if (replicas > 0 && !(typeof acknowledged === 'number' && acknowledged >= replicas)) {
      replies = replies.slice(0, calls.length).map((reply, at) => {
        if (reply instanceof RedisError) return reply;
        calls[at]!.reject(notReplicated(calls[at]!, replicaTimeoutMs));
        return reply;
      });
    }
    this.#settle(calls, replies);
  }

  #settle(calls: Call[], replies: Reply[]): void {
    const repeat: Call[] = [];
    let problem: RedisError | undefined;
    let answered = false;
    for (const [at, call] of calls.entries()) {
      const reply = replies[at];
      if (Array.isArray(reply)) {
        call.resolve({ id: reply[0] as ByteString, number: reply[1] as number, requeued: reply[2] === 0 });
        answered = true;
        if (problem || this.#recovering) this.#queued.set(call.fields[1]!, call.order);
      } else if (reply instanceof RedisError && (reply.code === 'NOSCRIPT' || isPassing(reply))) {
        repeat.push(call);
        problem = reply;
      } else call.reject(refusal(this.client.target, reply));
    }
    if (answered) this.#attempts = 0;
    if (problem)
      this.#postpone(
        repeat,
        new ServiceUnavailable(`Redis at ${this.client.target} answered: ${problem.message}`),
      );
  }

  #postpone(calls: Call[], problem: unknown): void {
    if (calls.length === 0) return;
    const passing = problem instanceof ServiceUnavailable && !this.#closed;
    if (!passing) {
      for (const call of calls) call.reject(problem);
      return;
    }
    for (const call of calls) this.#later.push(call);
    this.#recovering ??= this.#recover(problem);
  }

  /** Asks again who serves what, lets go of lanes that broke, and sends everything again in its order. */
  async #recover(problem: ServiceUnavailable): Promise<void> {
    await systemClock.sleep(Math.min(20 * 2 ** this.#attempts++, 500), this.signal).catch(() => {});
    await this.client.refresh().catch(() => {});
    for (const [node, lane] of this.#lanes) {
      const open = await lane.connection.catch(() => undefined);
      if (!open || open.lost) this.#lanes.delete(node);
      else await loadScripts(open).catch(() => {});
    }
    const now = performance.now();
    const stopped = this.signal.aborted || this.#closed;
    const calls = this.#later.splice(0).sort((a, b) => a.order - b.order);
    this.#recovering = undefined;
    for (const call of calls) {
      // Sent now, it would be the newest of its key.
      const overtaken = call.order < (this.#queued.get(call.fields[1]!) ?? 0);
      if (overtaken || stopped || now > call.deadline)
        call.reject(call.again ? uncertain(call, problem) : problem);
      else this.#dispatch(call);
    }
    this.#queued.clear();
    this.reconnected();
  }

  #encode({ partition, fields, again }: Call): string {
    const { counter, stream, pending } = this.#keys[partition]!;
    const script = again ? enqueueAgain : enqueue;
    const since = again ? [`${Math.max(0, timeOfOperation(operationOf(fields)) - slackMs)}` as const] : [];
    return encodeCommand(['EVALSHA', script.sha, '3', counter, stream, pending, ...since, ...fields]);
  }
}

async function loadScripts(connection: RedisConnection): Promise<void> {
  const load = [enqueue, enqueueAgain].map(({ text }) => encodeCommand(['SCRIPT', 'LOAD', text]));
  const replies = await connection.pipeline(load.join(''), load.length);
  for (const reply of replies) if (reply instanceof RedisError) throw refused(connection.node, reply);
}

function operationOf(fields: readonly ByteString[]): string {
  return fields[0]!.slice(0, 36);
}

function notReplicated({ fields }: Call, timeoutMs: number): WriteUnsettled {
  return new WriteUnsettled(
    `the write is queued, but no replica had it within ${formatDuration(timeoutMs)}: it is lost if the master is lost now`,
    operationOf(fields),
    {
      code: 'NOT_REPLICATED',
      hint: 'It will be applied. To be certain, call again with the same operationId: it is applied once.',
    },
  );
}

function uncertain({ fields }: Call, problem: ServiceUnavailable): WriteUnsettled {
  return new WriteUnsettled(
    `whether the write is queued is not known: ${problem.message}`,
    operationOf(fields),
    {
      code: 'WRITE_UNCERTAIN',
      hint: 'Call again with the same operationId: it is applied once.',
      cause: problem,
    },
  );
}

function refusal(target: string, reply: Reply | undefined): UserError {
  const message = reply instanceof RedisError ? reply.message : 'an answer that is none';
  if (/\bOOM\b/.test(message))
    return new ServiceUnavailable(`the queue at ${target} is full: Redis is out of memory`, {
      code: 'QUEUE_FULL',
      hint: 'Nothing was queued. Is the worker running? See: metrify cache queue status',
    });
  return new ServiceUnavailable(`Redis at ${target} did not take the write: ${message}`, {
    code: 'QUEUE_REFUSED',
  });
}

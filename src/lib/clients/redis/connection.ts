import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

import { toBytes } from '../../core/bytes.js';
import { errorMessage, explanation, ServiceUnavailable, systemCode, UserError } from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';
import { certificateProblem } from '../../http/tls-problems.js';
import type { Timeouts, TlsSettings } from '../settings.js';
import type { RedisAddress } from './address.js';
import { fenceCommand } from './commands.js';
import { answered } from './refusals.js';
import { type CommandPart, encodeCommand, NotResp, RedisError, type Reply, RespParser } from './resp.js';

export interface ConnectionOptions extends Timeouts, Pick<TlsSettings, 'tlsVerify'> {
  username?: string | undefined;
  password?: string | undefined;
  database: number;
  tls: boolean;
  /** PEM; undefined: those that Node.js trusts. */
  authorities?: string | undefined;
}

const bytesPerWrite = 8192;
/** Node.js takes longer ones for 1 ms. */
const longestTimerMs = 2 ** 31 - 1;

/** The connection ended before every answer had come; holds the answers that did. */
export class ConnectionLost extends ServiceUnavailable {
  replies: Reply[] = [];
}

interface Batch {
  left: number;
  /** What the last reply must be: see `fenceCommand`. */
  fence?: string;
  /** None for a single command, whose reply is resolved to as it is. */
  replies: Reply[] | undefined;
  resolve(replies: Reply[] | Reply): void;
  reject(error: Error): void;
}

/** One socket to one Redis server, with pipelines answered in order. */
export class RedisConnection {
  readonly #batches: Batch[] = [];
  #head = 0;
  #lost: ServiceUnavailable | undefined;
  /** Small commands of one tick, which go out in one write. */
  #waiting = '';
  /** Of the last pipeline: no other has the same. */
  #fence = 0;
  /** Since when answers are due and nothing of them has come; 0 while none is due. */
  #silentSince = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(
    readonly node: string,
    readonly address: RedisAddress,
    private readonly socket: Socket,
    private readonly options: ConnectionOptions,
  ) {
    const parser = new RespParser((reply) => this.#answer(reply));
    socket.on('data', (chunk: Buffer) => {
      try {
        parser.feed(chunk);
        this.#silentSince = this.#head < this.#batches.length ? performance.now() : 0;
      } catch (error) {
        if (!(error instanceof NotResp)) throw error;
        this.#fail(garbled(node, `something that is not RESP: '${error.message}'`));
      }
    });
    socket.on('error', (error) => this.#fail(lostOf(node, error)));
    socket.on('close', () => this.#fail(lostConnection(node, 'the server closed it')));
  }

  /** @throws ServiceUnavailable, ServiceRefused; UserError `REDIS_DATABASE`. */
  static async open(
    address: RedisAddress,
    options: ConnectionOptions,
    signal: AbortSignal,
  ): Promise<RedisConnection> {
    signal.throwIfAborted();
    const node = `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
    const socket = await openSocket(address, node, options, signal);
    const connection = new RedisConnection(node, address, socket, options);
    const abort = () => connection.close();
    signal.addEventListener('abort', abort, { once: true });
    // The greeting is part of connecting: a server that accepts and then hangs must not cost the request time-out.
    const timer = setTimeout(
      () =>
        connection.#fail(unreachable(node, `no answer within ${formatDuration(options.connectTimeoutMs)}`)),
      options.connectTimeoutMs,
    );
    try {
      const { username, password } = options;
      // A user without a password logs in too: the commands would run as `default` otherwise.
      if (username !== undefined) await connection.call(['AUTH', toBytes(username), toBytes(password ?? '')]);
      else if (password !== undefined) await connection.call(['AUTH', toBytes(password)]);
      if (options.database > 0) await connection.call(['SELECT', `${options.database}`]);
      else await connection.greet();
    } catch (error) {
      connection.close();
      signal.throwIfAborted();
      // Nothing was asked yet, so there is nothing that could have been carried out.
      if (error instanceof ConnectionLost) throw error.cause;
      if (!(error instanceof RedisError)) throw error;
      if (/unknown command .?select/i.test(error.message)) throw noDatabases(node, options.database);
      throw error[explanation] ?? error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
    return connection;
  }

  /** Why the connection is of no use any more. */
  get lost(): ServiceUnavailable | undefined {
    return this.#lost;
  }

  /**
   * Sends encoded commands, with others of the same tick, in one write. Errors among the replies are values. The replies
   * are those of these commands: a fence behind them shows whether the server said more or less than it was asked.
   * @throws ConnectionLost with the replies that came, and none where they cannot be trusted.
   */
  pipeline(encoded: string, count: number): Promise<Reply[]> {
    const fence = ++this.#fence;
    return new Promise((resolve, reject) =>
      this.#send(encoded + fenceCommand(fence), {
        left: count + 1,
        fence: `${fence}`,
        replies: [],
        resolve: resolve as Batch['resolve'],
        reject,
      }),
    );
  }

  /** The same for one command: half as much to make and to throw away. */
  single(encoded: string): Promise<Reply> {
    return new Promise((resolve, reject) =>
      this.#send(encoded, { left: 1, replies: undefined, resolve, reject }),
    );
  }

  #send(encoded: string, batch: Batch): void {
    if (this.#lost) {
      batch.reject(withReplies(this.#lost, batch.replies));
      return;
    }
    this.#batches.push(batch);
    if (this.#waiting === '' && encoded.length > bytesPerWrite) {
      this.#write(encoded);
      return;
    }
    if (this.#waiting === '') process.nextTick(() => this.#flush());
    this.#waiting += encoded;
    if (this.#waiting.length > bytesPerWrite) this.#flush();
  }

  /** @throws RedisError when that is the answer; ConnectionLost. */
  async call(args: readonly CommandPart[]): Promise<Exclude<Reply, RedisError>> {
    const [reply] = await this.pipeline(encodeCommand(args), 1);
    if (reply instanceof RedisError) throw answered(this.node, args, reply);
    return reply as Exclude<Reply, RedisError>;
  }

  /** A server that takes no writes, because it cannot save, refuses even PING, and can be read. */
  private async greet(): Promise<void> {
    const reply = await this.single(encodeCommand(['PING']));
    if (reply instanceof RedisError && reply.code !== 'MISCONF') throw answered(this.node, ['PING'], reply);
  }

  close(): void {
    this.#fail(lostConnection(this.node, 'closed'));
  }

  #flush(): void {
    const text = this.#waiting;
    this.#waiting = '';
    if (text !== '' && !this.#lost) this.#write(text);
  }

  #write(text: string): void {
    this.#silentSince ||= performance.now();
    if (!this.#timer && this.options.requestTimeoutMs > 0) this.#watch(this.options.requestTimeoutMs);
    this.socket.write(text, 'latin1');
  }

  /**
   * One timer that looks now and then costs the commands nothing. A socket's own time-out is put off by every write,
   * so that a server that hangs would never be noticed while calls keep coming.
   */
  #watch(ms: number): void {
    // After a pause of this process what has come in the meantime is read first.
    const look = () => setImmediate(() => this.#look());
    this.#timer = setTimeout(look, Math.min(ms, longestTimerMs)).unref();
  }

  #look(): void {
    this.#timer = undefined;
    if (this.#lost || this.#silentSince === 0) return;
    const { requestTimeoutMs } = this.options;
    const left = this.#silentSince + requestTimeoutMs - performance.now();
    if (left > 0) {
      this.#watch(left);
      return;
    }
    this.#fail(
      new ServiceUnavailable(`Redis at ${this.node} did not answer for ${formatDuration(requestTimeoutMs)}`, {
        hint: 'Is it stopped, swapping, or running a long command? requestTimeout sets how long to wait.',
      }),
    );
  }

  #answer(reply: Reply): void {
    const batch = this.#batches[this.#head];
    if (!batch) {
      this.#fail(garbled(this.node, 'what was not asked'));
      return;
    }
    if (--batch.left === 0 && batch.fence !== undefined) {
      // A server that refuses PING, or everything while it loads, says so in its place.
      if (reply !== batch.fence && !(reply instanceof RedisError)) {
        this.#fail(notAsked(this.node));
        return;
      }
    } else batch.replies?.push(reply);
    if (batch.left > 0) return;
    this.#head++;
    if (this.#head > 256) {
      this.#batches.splice(0, this.#head);
      this.#head = 0;
    }
    batch.resolve(batch.replies ?? reply);
  }

  #fail(error: ServiceUnavailable): void {
    if (this.#lost) return;
    this.#lost = error;
    clearTimeout(this.#timer);
    this.socket.destroy();
    const trusted = error.code !== garbledCode;
    for (const batch of this.#batches.splice(this.#head))
      batch.reject(withReplies(error, trusted ? batch.replies : []));
  }
}

function openSocket(
  address: RedisAddress,
  node: string,
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let settled = false;
    const settle = (finish: () => void) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      finish();
    };
    const fail = (error: unknown) =>
      settle(() => {
        socket.destroy();
        reject(error as Error);
      });
    const abort = () => fail(signal.reason);
    const timer = setTimeout(
      () => fail(unreachable(node, `no connection within ${formatDuration(options.connectTimeoutMs)}`)),
      options.connectTimeoutMs,
    );
    signal.addEventListener('abort', abort, { once: true });
    const onConnect = () => settle(() => resolve(socket.removeAllListeners('error')));
    const socket = options.tls
      ? connectTls(
          {
            ...address,
            servername: /^[\d.]+$|:/.test(address.host) ? '' : address.host,
            rejectUnauthorized: options.tlsVerify ?? true,
            ...(options.authorities === undefined ? {} : { ca: options.authorities }),
          },
          onConnect,
        )
      : connectTcp(address, onConnect);
    socket.setNoDelay(true);
    socket.on('error', (error) => fail(connectError(node, error)));
  });
}

function connectError(node: string, error: Error): ServiceUnavailable {
  const code = systemCode(error);
  if (code === 'ECONNREFUSED') return unreachable(node, 'connection refused');
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return unreachable(node, 'no such host');
  const problem = certificateProblem(error, 'redis.tlsCa');
  if (problem)
    return new ServiceUnavailable(`Redis at ${node}: ${problem.reason}`, {
      hint: problem.hint,
      cause: error,
    });
  return unreachable(node, error.message);
}

function unreachable(node: string, why: string): ServiceUnavailable {
  return new ServiceUnavailable(`Redis at ${node} cannot be reached: ${why}`, {
    hint: 'Check redis.url (METRIFY_REDIS_URL) and that the server runs.',
  });
}

/** With TLS 1.3 a server refuses our certificate, or that there is none, after the handshake. */
function lostOf(node: string, error: Error): ServiceUnavailable {
  const problem = certificateProblem(error, 'redis.tlsCa');
  return problem
    ? new ServiceUnavailable(`Redis at ${node}: ${problem.reason}`, { hint: problem.hint, cause: error })
    : lostConnection(node, errorMessage(error));
}

export function lostConnection(node: string, why: string): ServiceUnavailable {
  return new ServiceUnavailable(`the connection to Redis at ${node} was lost: ${why}`);
}

const garbledCode = 'NOT_REDIS';

/** The server, or something between, does not speak the protocol. */
function garbled(node: string, what: string): ServiceUnavailable {
  return new ServiceUnavailable(`Redis at ${node} answered ${what}`, {
    code: garbledCode,
    hint: 'Is it a Redis server? Does something between change what it says?',
  });
}

export function notAsked(node: string): ServiceUnavailable {
  return garbled(node, 'something else than what was asked');
}

function withReplies(error: ServiceUnavailable, replies: Reply[] = []): ConnectionLost {
  const lost = new ConnectionLost(error.message, {
    code: error.code,
    ...(error.hint ? { hint: error.hint } : {}),
    cause: error,
  });
  lost.replies = replies;
  return lost;
}

/** Sentinels, and some managed services. */
function noDatabases(node: string, database: number): UserError {
  return new UserError(`Redis at ${node} does not know SELECT, so it has no database ${database}`, {
    code: 'REDIS_DATABASE',
    hint: 'Leave the number out of the URL.',
  });
}

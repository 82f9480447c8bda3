import type { Socket } from 'node:net';

import type { Clock } from '../../core/clock.js';
import { errorMessage, explanation, ServiceRefused, ServiceUnavailable } from '../../core/errors.js';
import { excerpt } from '../../http/excerpt.js';
import type { Timeouts } from '../settings.js';
import type { ServerAddress } from './address.js';
import { AnswerReader } from './answers.js';
import { NotAnAnswer, Refusal, StatsExchange, type Exchange } from './exchange.js';
import { garbled, openSocket, silent, unreachable } from './socket.js';

const firstPauseMs = 20;
const longestPauseMs = 1000;

/**
 * One socket to one server, with commands pipelined and answered in order. When it is lost, it is opened again for up
 * to the request time-out, and the commands without an answer are sent again: so they must bear being repeated.
 * A server that falls silent for the request time-out, stays away as long, or answers nonsense as long, fails everything
 * under way; the next command tries again.
 */
export class MemcachedConnection {
  /** Times the server was found to be another process than before: its memory was lost. */
  restarts = 0;
  private readonly queue: Exchange[] = [];
  private socket: Socket | undefined;
  /** Bulk commands may be written: the server has introduced itself. */
  private ready = false;
  private opening: Promise<void> | undefined;
  private lostAt: number | undefined;
  /** Why the last connection was given up. */
  private problem: Error | undefined;
  /** Before the next attempt. */
  private pauseMs = 0;
  private process: string | undefined;
  private clockOffset = 0;
  private heardAt = 0;
  private watch: NodeJS.Timeout | undefined;
  private readonly closing = new AbortController();

  private constructor(
    readonly address: ServerAddress,
    private readonly timeouts: Timeouts,
    private readonly clock: Clock,
  ) {}

  /** @throws ServiceUnavailable, ServiceRefused, or the signal's reason. */
  static async open(
    address: ServerAddress,
    timeouts: Timeouts,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<MemcachedConnection> {
    const connection = new MemcachedConnection(address, timeouts, clock);
    await connection.connect(signal);
    return connection;
  }

  /** The server has been lost and is being looked for. */
  get recovering(): boolean {
    return !this.ready && this.queue.length > 0;
  }

  /** Milliseconds since the epoch by the server's clock, which counts whole seconds. */
  serverNow(): number {
    return this.clock.now() + this.clockOffset;
  }

  send(exchange: Exchange): void {
    if (this.closing.signal.aborted) {
      exchange.failed(this.closing.signal.reason as Error);
      return;
    }
    this.queue.push(exchange);
    if (this.ready) this.write(exchange);
    else this.recover();
  }

  /** @throws ServiceUnavailable; `Refusal` where the server refused the command, with an explanation that names both. */
  async request<T>(exchange: Exchange & { answer: Promise<T> }): Promise<T> {
    this.send(exchange);
    try {
      return await exchange.answer;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const [command] = exchange.commands().split(/\s/, 1);
      const said = `memcached at ${this.address.label} answered ${command} with: ${error.message}`;
      throw Object.assign(error, { [explanation]: new ServiceRefused(said) });
    }
  }

  close(): void {
    this.closing.abort(new ServiceUnavailable(`the connection to ${this.address.label} is closed`));
    this.drop();
    this.fail(this.closing.signal.reason as Error);
  }

  /** Opens a socket and waits until the server has introduced itself with its statistics. */
  private async connect(signal: AbortSignal): Promise<void> {
    const { connectTimeoutMs } = this.timeouts;
    const socket = await openSocket(this.address, connectTimeoutMs, signal);
    this.socket = socket;
    const greeting = new StatsExchange();
    const expected = [greeting as Exchange];
    const reader = new AnswerReader();
    const lost = (problem: Error): void => {
      greeting.failed(problem);
      if (this.socket === socket) this.lost(problem);
    };
    socket.on('error', () => {});
    socket.on('close', () => lost(unreachable(this.address.label, 'the server closed the connection')));
    socket.on('data', (chunk: Buffer) => {
      if (this.socket !== socket) return;
      this.heardAt = this.clock.monotonic();
      try {
        reader.feed(
          chunk,
          () => (this.ready ? this.queue[0] : expected[0]),
          () => (this.ready ? this.answered() : expected.shift()),
        );
      } catch (error) {
        if (!(error instanceof NotAnAnswer)) throw error;
        lost(error);
      }
    });
    const abort = (): void => {
      greeting.failed(signal.reason as Error);
      socket.destroy();
    };
    signal.addEventListener('abort', abort, { once: true });
    // The greeting is part of connecting: a server that accepts and then hangs is told from one that works.
    const timer = setTimeout(
      () => lost(unreachable(this.address.label, 'it accepts connections, and does not answer')),
      connectTimeoutMs,
    );
    try {
      socket.write(greeting.commands());
      this.introduce(await greeting.answer);
      // More came than the greeting.
      if (this.socket !== socket)
        throw this.problem ?? unreachable(this.address.label, 'the connection was closed');
    } catch (error) {
      this.drop();
      throw error instanceof ServiceUnavailable || signal.aborted
        ? error
        : refused(this.address.label, error);
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
    this.ready = true;
    for (const exchange of this.queue) this.write(exchange);
  }

  private introduce(stats: Map<string, string>): void {
    const time = Number(stats.get('time'));
    this.clockOffset = time * 1000 - this.clock.now();
    // The difference is the start of the process, and constant.
    const process = `${stats.get('pid')}/${time - Number(stats.get('uptime'))}`;
    if (this.process !== undefined && this.process !== process) this.restarts++;
    this.process = process;
  }

  private write(exchange: Exchange): void {
    this.socket!.write(exchange.commands(), 'latin1');
    if (this.watch !== undefined) return;
    this.heardAt = this.clock.monotonic();
    this.watch = setTimeout(() => this.check(), this.timeouts.requestTimeoutMs);
  }

  private answered(): void {
    this.queue.shift();
    this.progressed();
    if (this.queue.length === 0) this.unwatch();
  }

  /** Has the server said anything within the time-out? */
  private check(): void {
    this.watch = undefined;
    const left = this.heardAt + this.timeouts.requestTimeoutMs - this.clock.monotonic();
    if (left > 1) {
      this.watch = setTimeout(() => this.check(), left);
      return;
    }
    this.drop();
    this.fail(silent(this.address.label, this.timeouts.requestTimeoutMs));
  }

  private unwatch(): void {
    clearTimeout(this.watch);
    this.watch = undefined;
  }

  /** After what is no answer, the answers before it on the connection are not trusted either. */
  private lost(problem: Error): void {
    const wasReady = this.ready;
    this.drop();
    this.problem = problem instanceof NotAnAnswer ? garbled(this.address.label, problem) : problem;
    if (wasReady && !(problem instanceof NotAnAnswer) && this.queue[0]?.interrupted?.()) this.progressed();
    if (this.queue.length > 0) this.recover();
  }

  /** Something was answered: the patience begins again with the next loss. */
  private progressed(): void {
    this.lostAt = undefined;
    this.pauseMs = 0;
  }

  private drop(): void {
    this.ready = false;
    this.unwatch();
    const socket = this.socket;
    this.socket = undefined;
    socket?.destroy();
  }

  private recover(): void {
    this.opening ??= this.reopen().finally(() => {
      this.opening = undefined;
      // Lost again, or asked again, while the last attempt was ending.
      if (!this.ready && this.queue.length > 0) this.recover();
    });
  }

  private async reopen(): Promise<void> {
    this.lostAt ??= this.clock.monotonic();
    const deadline = this.lostAt + this.timeouts.requestTimeoutMs;
    for (;;) {
      const left = deadline - this.clock.monotonic();
      if (this.problem instanceof ServiceRefused || this.closing.signal.aborted || left <= 0) {
        this.fail(this.problem ?? (this.closing.signal.reason as Error));
        return;
      }
      if (this.pauseMs > 0)
        await this.clock.sleep(Math.min(this.pauseMs, left), this.closing.signal).catch(() => {});
      this.pauseMs = Math.min(Math.max(2 * this.pauseMs, firstPauseMs), longestPauseMs);
      try {
        await this.connect(this.closing.signal);
        return;
      } catch (error) {
        this.problem = error as Error;
      }
    }
  }

  private fail(error: Error): void {
    this.progressed();
    this.problem = undefined;
    for (const exchange of this.queue.splice(0)) exchange.failed(error);
  }
}

function refused(label: string, error: unknown): ServiceRefused {
  const line = excerpt(errorMessage(error), 80);
  if (/unauthenticated|auth/i.test(line)) {
    return new ServiceRefused(`memcached at ${label} wants a login, which metrify does not have: ${line}`, {
      hint: 'Let this host in without one (memcached -Y, -S), or use a listener of its own for it.',
    });
  }
  return new ServiceRefused(`${label} does not speak memcached's text protocol: it answered '${line}'`, {
    hint: 'Check memcached.servers (METRIFY_MEMCACHED_SERVERS); a server with -B binary must be started without it.',
  });
}

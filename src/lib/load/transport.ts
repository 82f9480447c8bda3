import type { Dialer } from './dialer.js';
import type { PreparedRequest } from './job.js';
import type { FailureKind } from './tally.js';

/** Of an answer's body, where the request reads it. */
export const mostBodyBytes = 16 * 1024 * 1024;

/** An answer that is whole. Valid until the call that brings it returns. */
export interface Answer {
  readonly status: number;
  /** On the wire, with its head. */
  readonly bytes: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Undefined unless the request reads it. */
  readonly body: Buffer | undefined;
}

/**
 * A request on its way. The transport calls `sent` at most once, and then one of `answered`, `failed` and `abandoned`;
 * `failed` also without `sent`, when no connection could be opened for it. Times are on this thread's monotonic clock,
 * in milliseconds.
 */
export interface Exchange {
  readonly request: PreparedRequest;
  /** Of the `traceparent` header with which it is sent. */
  readonly traceId?: string | undefined;
  sent(now: number): void;
  answered(answer: Answer, now: number): void;
  failed(kind: FailureKind, now: number): void;
  /** The run is over, and there is no answer. */
  abandoned(now: number): void;
}

export interface TransportOptions {
  readonly maxConnections: number;
  readonly timeoutMs: number;
  readonly connectTimeoutMs: number;
}

/** The connections to one target. */
export interface Transport {
  /** Which opened them, with its counts. */
  readonly dialer: Dialer;
  /** Most connections at one time. */
  readonly mostConnections: number;
  /** Connections at this time. */
  readonly connections: number;
  /** Requests that no connection was free for yet. */
  readonly waiting: number;
  /** Requests sent a second time, since the server had closed the kept-alive connection before a byte of the answer. */
  readonly resent: number;
  /** Sends it when a connection is free. */
  send(exchange: Exchange): void;
  /** What was not sent yet is dropped, without a word to it. */
  drop(): void;
  /** Gives up what is beyond its deadline. */
  sweep(now: number): void;
  /** Abandons what is under way. */
  close(now: number): void;
}

/** Of autocannon 9 what is used here: it has no types. */
declare module 'autocannon' {
  import type { EventEmitter } from 'node:events';

  interface Options {
    readonly url: string;
    readonly connections: number;
    /** Seconds. */
    readonly duration: number;
    /** Seconds, at least 1. */
    readonly timeout: number;
  }

  interface Result {
    readonly requests: { readonly sent: number };
  }

  /** Emits `start`; `response` with the connection, the status, bytes and milliseconds; `reqError` with an Error. */
  interface Run extends EventEmitter {
    stop(): void;
  }

  export default function autocannon(
    options: Options,
    done: (error: Error | null, result: Result) => void,
  ): Run;
}

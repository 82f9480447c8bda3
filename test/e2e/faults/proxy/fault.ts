import type { Random } from '../../../random.js';

export type Direction = 'requests' | 'replies';

/** What goes wrong between a client and a server: plain data, so that a failing one can be printed and read. */
export interface Fault {
  /**
   * - `delay`, `dribble`: every reply comes late, or in pieces;
   * - `cut`, `reset`: the connection ends with FIN or RST;
   * - `silence`: nothing comes any more, and the connection stays open; requests still arrive;
   * - `garbage`, `extra`: bytes that the server never sent are among the replies; `extra` is well formed.
   */
  readonly kind: 'delay' | 'dribble' | 'cut' | 'reset' | 'silence' | 'garbage' | 'extra';
  /** The server among those of the system. */
  readonly server: number;
  readonly direction: Direction;
  /** Bytes of a connection that pass in that direction before the fault. */
  readonly afterBytes: number;
  /** On how many connections, from the first that comes so far; `Infinity`, on every one. */
  readonly strikes: number;
  /** Of `delay`: milliseconds before each piece. */
  readonly delayMs: number;
  /** Of `garbage` and `extra`, as Latin-1; empty repeats the piece that came last. */
  readonly bytes: string;
}

/** Bytes that each connection to a server took, in both directions. */
export type Traffic = Readonly<Record<Direction, number>>[];

/** Faults in which each byte that arrives is one that was sent. */
export function isHonest({ kind }: Fault): boolean {
  return kind !== 'garbage' && kind !== 'extra';
}

const kinds = ['delay', 'dribble', 'cut', 'cut', 'reset', 'silence', 'garbage', 'garbage', 'extra'] as const;

/**
 * A fault at some instant of a run.
 *
 * @param traffic - Of the same run without a fault, by server.
 * @param extras - Replies that are well formed in the protocol.
 */
export function drawFault(
  random: Random,
  { traffic, extras }: { traffic: readonly Traffic[]; extras: readonly (readonly string[])[] },
): Fault {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const used = traffic.flatMap((connections, index) => (connections.length > 0 ? [index] : []));
  const server = pick(used);
  const kind = pick(kinds);
  const lies = kind === 'garbage' || kind === 'extra';
  const direction = !lies && random() < 0.3 ? 'requests' : 'replies';
  const length = pick(traffic[server]!)[direction];
  // One in six strikes at the first byte: a server that never answers, or closes at once.
  const afterBytes = random() < 1 / 6 ? 0 : Math.floor(random() * length);
  const strikes = pick([1, 1, 1, 2, 5, Infinity]);
  const bytes = kind === 'garbage' ? garbage(random) : kind === 'extra' ? pick(['', ...extras[server]!]) : '';
  return { kind, server, direction, afterBytes, strikes, delayMs: Math.ceil(random() * 80), bytes };
}

function garbage(random: Random): string {
  const length = 1 + Math.floor(random() * 60);
  const noise = () => Array.from({ length }, () => String.fromCharCode(Math.floor(random() * 256))).join('');
  const sorts = [
    noise,
    () => `${noise()}\r\n`,
    () => 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n',
    () => '\r\n',
    () => '\0'.repeat(length),
    () => '$99999999999\r\n',
    () => '*99999999\r\n',
    () => ':12x4\r\n',
    () => 'VALUE x 0 99999999999\r\n',
    () => 'D\0\0\0\u0005',
  ];
  return sorts[Math.floor(random() * sorts.length)]!();
}

import { bytesOf, type ByteString } from '../../core/bytes.js';
import type { Clock } from '../../core/clock.js';
import { ServiceUnavailable, UserError } from '../../core/errors.js';
import { formatDuration } from '../../core/units.js';
import type { Timeouts } from '../settings.js';
import type { ServerAddress } from './address.js';
import { openSocket, silent, unreachable } from './socket.js';

/** What the server's crawler says about one item. */
export interface DumpedItem {
  key: ByteString;
  /** Unix seconds by the server's clock; -1 without an end. */
  expires: number;
  /** Unix seconds of the last access by the server's clock. */
  accessed: number;
  /** Of the item with its overhead. */
  bytes: number;
}

/** The connection was lost in the middle of a dump, which has to start again. */
export class DumpLost extends ServiceUnavailable {}

const newline = 10;
const busyPauseMs = 100;

/**
 * Every item of one server, in batches as they arrive, over a connection of its own; constant memory.
 * @throws DumpLost, ServiceUnavailable, UserError when the server has its crawler switched off.
 */
export async function* metadump(
  address: ServerAddress,
  timeouts: Timeouts,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<DumpedItem[]> {
  const deadline = clock.monotonic() + timeouts.requestTimeoutMs;
  // Along the LRU lists, items that move between them meanwhile can be missed; the hash table has them all.
  let walk = 'hash';
  for (;;) {
    const socket = await openSocket(address, timeouts.connectTimeoutMs, signal);
    const abort = (): void => void socket.destroy(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    socket.setTimeout(timeouts.requestTimeoutMs, () => {
      // With data at hand it is us who are slow, not the server.
      if (socket.readableLength > 0) socket.setTimeout(timeouts.requestTimeoutMs);
      else socket.destroy(silent(address.label, timeouts.requestTimeoutMs));
    });
    try {
      socket.write(`lru_crawler metadump ${walk}\r\n`);
      let again = false;
      let rest: Buffer | undefined;
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        const { items, tail, end } = parseDump(rest ? Buffer.concat([rest, chunk]) : chunk);
        rest = tail;
        if (items.length > 0) yield items;
        if (end === 'END') return;
        if (end === undefined) continue;
        if (end.startsWith('BADCLASS') && walk === 'hash') walk = 'all';
        else if (!end.startsWith('BUSY')) throw refusal(address.label, end);
        again = true;
        break;
      }
      if (!again) throw new Error('the server closed the connection');
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof UserError) throw error;
      throw new DumpLost(unreachable(address.label, (error as Error).message).message, { cause: error });
    } finally {
      signal.removeEventListener('abort', abort);
      socket.destroy();
    }
    if (clock.monotonic() >= deadline) {
      throw new ServiceUnavailable(
        `memcached at ${address.label} was busy with another dump for ${formatDuration(timeouts.requestTimeoutMs)}`,
        { hint: 'It lists its keys for one client at a time: wait until the other has ended.' },
      );
    }
    await clock.sleep(busyPauseMs, signal);
  }
}

/** Items of the whole lines in the text; `end` is the line that is no item. */
function parseDump(text: Buffer): { items: DumpedItem[]; tail?: Buffer; end?: string } {
  const items: DumpedItem[] = [];
  let at = 0;
  for (let end = text.indexOf(newline); end >= 0; end = text.indexOf(newline, at)) {
    const line = bytesOf(text, at, end);
    at = end + 1;
    const item = parseItem(line);
    if (!item) return { items, end: line.trimEnd() };
    items.push(item);
  }
  return at < text.length ? { items, tail: text.subarray(at) } : { items };
}

const itemLine = /^key=(\S+) exp=(-?\d+) la=(\d+) .*?size=(\d+)/;

function parseItem(line: string): DumpedItem | undefined {
  const match = itemLine.exec(line);
  if (!match) return undefined;
  return {
    key: decodeKey(match[1]!),
    expires: Number(match[2]),
    accessed: Number(match[3]),
    bytes: Number(match[4]),
  };
}

/** Bytes, not text: `%C3` is one of them. */
function decodeKey(text: string): ByteString {
  if (!text.includes('%')) return text as ByteString;
  const decoded = text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(parseInt(hex, 16)),
  );
  return decoded as ByteString;
}

function refusal(label: string, line: string): Error {
  if (/crawler disabled|metadump|not allowed/i.test(line)) {
    return new UserError(`memcached at ${label} cannot list its keys: its LRU crawler is switched off`, {
      hint: 'Start it without -o no_lru_crawler and without -X, or send it: lru_crawler enable',
      code: 'NO_CRAWLER',
      exitCode: 5,
    });
  }
  return new ServiceUnavailable(`memcached at ${label} cannot list its keys: ${line}`, {
    hint: 'Listing keys needs memcached 1.4.31 or newer.',
  });
}

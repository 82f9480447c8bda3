import { fromBytes } from '../../core/bytes.js';
import { UserError } from '../../core/errors.js';
import { openFileSource } from '../../sources/open.js';

/** The rows of a file, in memory that all threads share. Only columns that are used are kept. */
export interface Feed {
  readonly name: string;
  readonly order: 'sequential' | 'random' | 'once';
  readonly columns: readonly string[];
  readonly rows: number;
  /** Of row r and column c, UTF-8 from the number at r × columns + c up to the one after it (Uint32). */
  readonly ends: SharedArrayBuffer;
  readonly bytes: SharedArrayBuffer;
  /** How many rows all threads together have taken (Uint32). */
  readonly taken: SharedArrayBuffer;
}

const mostBytes = 256 * 1024 * 1024;

/** @throws UserError when the file cannot be read, or one of its rows is malformed */
export async function feedColumns(path: string): Promise<readonly string[]> {
  const source = await openFileSource(path);
  try {
    return source.columns.map(({ name }) => name);
  } finally {
    await source.close();
  }
}

/**
 * @param path a CSV file with a header
 * @param columns those that are wanted; the file has them
 * @throws UserError when the file cannot be read, has no row or a malformed one, or takes more than 256 MiB
 */
export async function readFeed(
  { name, order, path, columns }: Pick<Feed, 'name' | 'order' | 'columns'> & { readonly path: string },
  signal: AbortSignal,
): Promise<Feed> {
  const source = await openFileSource(path);
  try {
    const readers = columns.map((column) => source.column(column));
    const ends: number[] = [0];
    const chunks: Buffer[] = [];
    let size = 0;
    let rows = 0;
    for await (const batch of source.batches({ signal })) {
      const [rejected] = batch.rejected;
      if (rejected)
        throw new UserError(`${source.label}:${rejected.line}: ${rejected.reason}`, {
          hint: 'Correct this row of the feed.',
          code: 'FEED_INVALID',
        });
      for (const row of batch.rows) {
        rows++;
        for (const read of readers) {
          const value = Buffer.from(fromBytes(read(row) ?? ('' as never)));
          size += value.length;
          chunks.push(value);
          ends.push(size);
        }
      }
      if (size > mostBytes)
        throw new UserError(`${source.label}: the columns that are used take more than 256 MiB`, {
          hint: 'Give the feed fewer rows.',
          code: 'FEED_INVALID',
        });
    }
    if (rows === 0)
      throw new UserError(`${source.label} has a header and no rows`, {
        hint: 'A feed needs at least one.',
        code: 'FEED_INVALID',
      });
    return {
      name,
      order,
      columns,
      rows,
      ends: numbers(ends),
      bytes: sharedBytes(chunks, size),
      taken: numbers([0]),
    };
  } finally {
    await source.close();
  }
}

function numbers(values: readonly number[]): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(values.length * 4);
  new Uint32Array(shared).set(values);
  return shared;
}

function sharedBytes(chunks: readonly Buffer[], size: number): SharedArrayBuffer {
  const shared = new SharedArrayBuffer(size);
  const bytes = new Uint8Array(shared);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return shared;
}

/** Takes rows of a feed, in one thread of several. */
export class FeedReader {
  readonly #feed: Feed;
  readonly #ends: Uint32Array;
  readonly #bytes: Buffer;
  readonly #taken: Uint32Array;
  readonly #random: () => number;

  constructor(feed: Feed, random: () => number) {
    this.#feed = feed;
    this.#ends = new Uint32Array(feed.ends);
    this.#bytes = Buffer.from(feed.bytes);
    this.#taken = new Uint32Array(feed.taken);
    this.#random = random;
  }

  /** The number of a row; undefined when each was taken once, and none may be taken again. */
  take(): number | undefined {
    const { order, rows } = this.#feed;
    if (order === 'random') return Math.floor(this.#random() * rows);
    const turn = Atomics.add(this.#taken, 0, 1);
    if (order === 'sequential') return turn % rows;
    if (turn < rows) return turn;
    // So that it never begins again at 0.
    Atomics.sub(this.#taken, 0, 1);
    return undefined;
  }

  value(row: number, column: number): string {
    const at = row * this.#feed.columns.length + column;
    return this.#bytes.toString('utf8', this.#ends[at], this.#ends[at + 1]);
  }
}

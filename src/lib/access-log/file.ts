import { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { withoutReturn, type ByteString } from '../core/bytes.js';
import { UserError } from '../core/errors.js';
import { openInput } from '../core/input-file.js';
import { SteadyFile } from '../core/steady-file.js';
import { unreadable } from '../core/unreadable.js';

export interface LogFile {
  readonly label: string;
  /** Bytes that will be read, where that is known. */
  readonly size?: number | undefined;
  readonly stream: Readable;
}

/**
 * A log, of which what is there now is read: what a server appends meanwhile is left for the next time. A renamed
 * file is read to its end, since it stays the same file; one that is truncated meanwhile fails the stream with
 * `INPUT_CHANGED`. `.gz` is unpacked; a pipe is read until it ends.
 * @throws UserError `INPUT_UNREADABLE`, `INPUT_EMPTY`
 */
export async function openLog(path: string): Promise<LogFile> {
  const packed = path.endsWith('.gz');
  try {
    const input = await openInput(path);
    if ('stream' in input) return { label: path, stream: packed ? unpacked(input.stream) : input.stream };
    const { file, stats } = input;
    try {
      if (stats.isDirectory())
        throw new UserError(`${path} is a directory`, {
          code: 'INPUT_UNREADABLE',
          hint: 'Give one log file.',
        });
      const steady = await SteadyFile.of(file, path);
      if (steady.size === 0) throw emptyLog(path);
      const raw = Readable.from(chunks(steady), { objectMode: false });
      raw.once('close', () => void file.close());
      return packed
        ? { label: path, stream: unpacked(raw) }
        : { label: path, size: steady.size, stream: raw };
    } catch (error) {
      await file.close();
      throw error;
    }
  } catch (error) {
    throw unreadable(path, error);
  }
}

const chunkBytes = 256 * 1024;

async function* chunks(steady: SteadyFile): AsyncGenerator<Buffer> {
  for (let position = 0; position < steady.size;) {
    const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, steady.size - position));
    const count = await steady.read(chunk, position);
    position += count;
    yield chunk.subarray(0, count);
  }
  await steady.requireUnchanged();
}

function unpacked(raw: Readable): Readable {
  const stream = createGunzip();
  raw.once('error', (error) => stream.destroy(error));
  stream.once('close', () => raw.destroy());
  return raw.pipe(stream);
}

function emptyLog(label: string): UserError {
  return new UserError(`${label} is empty`, {
    code: 'INPUT_EMPTY',
    hint: 'Was it just rotated? Give the log before it (access.log.1).',
  });
}

/** Longer lines are no requests that a server would take, and are not held in memory. */
const longestLine = 64 * 1024;

/** Lines without their ends; undefined stands for one that is too long. */
export type Lines = readonly (ByteString | undefined)[];

/**
 * The lines of a log, as many at a time as one read brings; the next read waits until the last ones are done with.
 * @throws UserError `INPUT_UNREADABLE`; the signal's reason.
 */
export async function* linesOf(
  log: Pick<LogFile, 'label' | 'stream'>,
  signal: AbortSignal,
  read: (bytes: number) => void,
): AsyncGenerator<Lines> {
  let rest = '';
  let tooLong = false;
  let bytes = 0;
  const whole = (line: string) => {
    const refused = tooLong || line.length > longestLine;
    tooLong = false;
    return refused ? undefined : withoutReturn(line as ByteString);
  };
  const stop = () => log.stream.destroy(signal.reason as Error);
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    for await (const chunk of log.stream as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      read(bytes);
      const lines = chunk.toString('latin1').split('\n');
      lines[0] = rest + lines[0]!;
      rest = lines.pop()!;
      yield lines.map(whole);
      if (rest.length > longestLine) {
        tooLong = true;
        rest = '';
      }
    }
    if (tooLong || rest !== '') yield [whole(rest)];
  } catch (error) {
    signal.throwIfAborted();
    const code = (error as { code?: unknown }).code;
    if (typeof code === 'string' && code.startsWith('Z_'))
      throw new UserError(`${log.label} is not a complete gzip file: ${(error as Error).message}`, {
        code: 'INPUT_UNREADABLE',
      });
    throw unreadable(log.label, error);
  } finally {
    signal.removeEventListener('abort', stop);
    log.stream.destroy();
  }
}

/** Calls `each` with every line, and undefined for one that is too long. @throws as `linesOf` */
export async function eachLine(
  log: Pick<LogFile, 'label' | 'stream'>,
  signal: AbortSignal,
  each: (line: ByteString | undefined) => void,
  read: (bytes: number) => void,
): Promise<void> {
  for await (const lines of linesOf(log, signal, read)) for (const line of lines) each(line);
}

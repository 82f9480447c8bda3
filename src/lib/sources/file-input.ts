import { createHash, type Hash } from 'node:crypto';
import { open, realpath, stat, type FileHandle } from 'node:fs/promises';
import { UserError } from '../core/errors.js';
import { ExitCode } from '../core/exit-codes.js';
import { unreadable } from '../core/unreadable.js';
import { ByteWindow, fileReader, streamReader } from './byte-window.js';
import { maxRecordBytes } from './line-reader.js';
import type { ReadOptions, SourceIdentity, SourcePosition } from './row-source.js';

export interface OpenedInput {
  window: ByteWindow;
  /** With `fingerprint`: has hashed everything before the window. */
  hash?: Hash | undefined;
  close(): Promise<void>;
}

/** Where lines come from: a file, which can be read again from any place, or a stream, which is read once. */
export interface Input {
  readonly identity: SourceIdentity;
  readonly label: string;
  readonly rereadable: boolean;
  readonly size?: number;
  /** The first bytes, in a window that may be filled further; nothing of it counts as consumed. */
  peek(): Promise<OpenedInput>;
  /**
   * Reads from a position that an earlier run reached.
   * @throws UserError `CHECKPOINT_MISMATCH` (exit 4) when what was consumed then is not what stands there now.
   */
  open(from: SourcePosition & { offset: number }, options: ReadOptions): Promise<OpenedInput>;
  close(): Promise<void>;
}

/** @throws UserError `INPUT_UNREADABLE`, `INPUT_EMPTY` */
export async function fileInput(path: string): Promise<Input> {
  const { size, mtimeMs, real } = await inspect(path);
  const openAt = async (offset: number) => {
    const file = await open(real).catch((error: unknown) => Promise.reject(unreadable(path, error)));
    const window = new ByteWindow(fileReader(file, offset), maxRecordBytes);
    return { file, window, close: () => file.close() };
  };
  return {
    identity: { kind: 'file', path: real, size, mtimeMs },
    label: path,
    rereadable: true,
    size,
    peek: () => openAt(0),
    async open(from, options) {
      const opened = await openAt(from.offset);
      if (!options.fingerprint && from.sha256 === undefined) return opened;
      try {
        const hash = await hashPrefix(opened.file, from.offset, options.signal);
        if (from.sha256 !== undefined && hash.copy().digest('hex') !== from.sha256) throw mismatch(path);
        return { ...opened, hash: options.fingerprint ? hash : undefined };
      } catch (error) {
        await opened.close();
        throw error;
      }
    },
    close: async () => {},
  };
}

/** A stream that is read once; `label` stands for it in messages. */
export function streamInput(stream: NodeJS.ReadableStream, label: string): Input {
  const window = new ByteWindow(streamReader(stream), maxRecordBytes);
  let opened = false;
  return {
    identity: { kind: 'stdin' },
    label,
    rereadable: false,
    peek: async () => ({ window, close: async () => {} }),
    async open(from, options) {
      if (options.from)
        throw new UserError(`${label} cannot be resumed: what was read from it is gone`, {
          code: 'RESUME_UNSUPPORTED',
          hint: 'Put the rows into a file and give that instead.',
        });
      if (opened) throw new Error(`${label} can be read only once`);
      opened = true;
      const hash = options.fingerprint ? createHash('sha256') : undefined;
      hash?.update(window.bytes.subarray(0, from.offset));
      window.consume(from.offset);
      return { window, hash, close: async () => {} };
    },
    close: () => window.reader.close(),
  };
}

async function inspect(path: string): Promise<{ real: string; size: number; mtimeMs: number }> {
  try {
    const real = await realpath(path);
    const stats = await stat(real);
    if (stats.isDirectory())
      throw new UserError(`${path} is a directory`, {
        code: 'INPUT_UNREADABLE',
        hint: 'Give a CSV or JSONL file.',
      });
    if (stats.isFile() && stats.size === 0) throw emptyInput(path);
    return { real, size: stats.size, mtimeMs: stats.mtimeMs };
  } catch (error) {
    throw unreadable(path, error);
  }
}

export function emptyInput(label: string): UserError {
  return new UserError(`${label} is empty`, {
    code: 'INPUT_EMPTY',
    hint: 'A CSV needs a header line; a JSONL file at least one object.',
  });
}

async function hashPrefix(file: FileHandle, length: number, signal: AbortSignal): Promise<Hash> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(256 * 1024);
  for (let offset = 0; offset < length;) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, length - offset), offset);
    if (bytesRead === 0) break; // shorter than it was: the hash will differ
    hash.update(buffer.subarray(0, bytesRead));
    offset += bytesRead;
  }
  return hash;
}

function mismatch(path: string): UserError {
  return new UserError(`${path} is not the file that the checkpoint was written for`, {
    code: 'CHECKPOINT_MISMATCH',
    exitCode: ExitCode.refused,
    hint: 'The part that was already read has changed. Restore the file, or start anew without the checkpoint.',
  });
}

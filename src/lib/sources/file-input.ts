import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, realpath } from 'node:fs/promises';
import { UserError } from '../core/errors.js';
import { ExitCode } from '../core/exit-codes.js';
import { SteadyFile } from '../core/steady-file.js';
import { ByteWindow, fileReader, streamReader } from './byte-window.js';
import { maxRecordBytes } from './line-reader.js';
import type { ReadOptions, SourceIdentity, SourcePosition } from './row-source.js';

export interface OpenedInput {
  window: ByteWindow;
  /** With `fingerprint`: has hashed everything before the window. */
  hash?: Hash | undefined;
}

/** Where lines come from: a file, which can be read again from any place, or a stream, which is read once. */
export interface Input {
  readonly identity: SourceIdentity;
  readonly label: string;
  readonly rereadable: boolean;
  readonly size?: number;
  /** The first bytes, in a window that may be filled further; nothing of it counts as consumed. */
  peek(): Promise<ByteWindow>;
  /**
   * Reads from a position that an earlier run reached.
   * @throws UserError `CHECKPOINT_MISMATCH` (exit 4) when what was consumed then is not what stands there now.
   */
  open(from: SourcePosition & { offset: number }, options: ReadOptions): Promise<OpenedInput>;
  close(): Promise<void>;
}

/**
 * A regular file that was opened, and that `close` closes: whatever its path names meanwhile, it is the same one.
 * @throws UserError `INPUT_EMPTY`; the system's error
 */
export async function fileInput(file: FileHandle, path: string): Promise<Input> {
  const steady = await SteadyFile.of(file, path);
  const { size, modifiedMs } = steady;
  if (size === 0) throw emptyInput(path);
  const windowAt = (offset: number) => new ByteWindow(fileReader(steady, offset), maxRecordBytes);
  return {
    identity: { kind: 'file', path: await realpath(path), size, mtimeMs: modifiedMs },
    label: path,
    rereadable: true,
    size,
    peek: async () => windowAt(0),
    async open(from, options) {
      const window = windowAt(from.offset);
      if (!options.fingerprint && from.sha256 === undefined) return { window };
      const hash = await hashPrefix(steady, from.offset, options.signal);
      if (from.sha256 !== undefined && hash.copy().digest('hex') !== from.sha256) throw mismatch(path);
      return { window, hash: options.fingerprint ? hash : undefined };
    },
    close: () => file.close(),
  };
}

/** A stream that is read once; `label` stands for it in messages. */
export function streamInput(stream: NodeJS.ReadableStream, label: string): Input {
  const reader = streamReader(stream);
  const window = new ByteWindow(reader, maxRecordBytes);
  let opened = false;
  return {
    identity: { kind: 'stdin' },
    label,
    rereadable: false,
    peek: async () => window,
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
      return { window, hash };
    },
    close: async () => reader.close(),
  };
}

export function emptyInput(label: string): UserError {
  return new UserError(`${label} is empty`, {
    code: 'INPUT_EMPTY',
    hint: 'A CSV needs a header line; a JSONL file at least one object.',
  });
}

async function hashPrefix(file: SteadyFile, length: number, signal: AbortSignal): Promise<Hash> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(256 * 1024);
  for (let offset = 0; offset < length;) {
    signal.throwIfAborted();
    const bytesRead = await file.read(buffer.subarray(0, length - offset), offset);
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
    hint: 'The part that was already read has changed. Restore the file, or start again without the checkpoint.',
  });
}

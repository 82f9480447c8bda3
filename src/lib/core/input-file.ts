import { constants, createReadStream, open as openDescriptor, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { isatty, ReadStream as TerminalStream } from 'node:tty';
import { promisify } from 'node:util';
import { UserError } from './errors.js';
import { SteadyFile } from './steady-file.js';
import { formatBytes } from './units.js';

/** What is read as a whole is made by hand, or by a program for people. */
const largestWhole = 64 * 1024 * 1024;

/** A regular file or folder by its handle; anything else, such as a pipe, as a stream. Either is to be closed. */
export type InputFile = { stats: Stats; file: FileHandle } | { stats: Stats; stream: Readable };

/**
 * Opens what a path names, to be read, and does not wait for it: a FIFO that nobody writes to, or a terminal, would keep a
 * thread of Node's pool in `open` or `read`, and the process from ending. Every file that people name is opened here.
 * @throws the system's error
 */
export async function openInput(path: string): Promise<InputFile> {
  const file = await open(path, flags);
  let keeps = false;
  try {
    const stats = await file.stat();
    keeps = stats.isFile() || stats.isDirectory();
    return keeps ? { stats, file } : { stats, stream: await openStream(path, stats) };
  } finally {
    if (!keeps) await file.close();
  }
}

/**
 * Everything that a file holds, or a pipe until its writers close it.
 * @param accept throws when what was opened is not to be read
 * @throws the system's error; UserError `INPUT_UNREADABLE` of more than 64 MiB; ServiceConflict `INPUT_CHANGED`
 */
export async function readWhole(path: string, accept?: (stats: Stats) => void): Promise<Buffer> {
  const input = await openInput(path);
  if ('stream' in input) return readStream(input, path, accept);
  const { file, stats } = input;
  try {
    accept?.(stats);
    if (stats.size > largestWhole) throw tooLarge(path);
    const steady = await SteadyFile.of(file, path);
    const content = await file.readFile();
    await steady.requireUnchanged();
    return content;
  } finally {
    await file.close();
  }
}

/** The same as UTF-8. @throws as `readWhole` */
export async function readText(path: string, accept?: (stats: Stats) => void): Promise<string> {
  return (await readWhole(path, accept)).toString('utf8');
}

const flags = constants.O_RDONLY | constants.O_NONBLOCK;

async function openStream(path: string, stats: Stats): Promise<Readable> {
  const descriptor = await promisify(openDescriptor)(path, flags);
  if (isatty(descriptor)) return new TerminalStream(descriptor);
  // The event loop waits for a pipe, and no thread does.
  return stats.isFIFO()
    ? new Socket({ fd: descriptor, readable: true, writable: false })
    : createReadStream(path, { fd: descriptor });
}

async function readStream(
  { stats, stream }: { stats: Stats; stream: Readable },
  path: string,
  accept?: (stats: Stats) => void,
): Promise<Buffer> {
  try {
    accept?.(stats);
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > largestWhole) throw tooLarge(path);
    }
    return Buffer.concat(chunks);
  } finally {
    stream.destroy();
  }
}

function tooLarge(path: string): UserError {
  return new UserError(`${path} holds more than ${formatBytes(largestWhole)}`, { code: 'INPUT_UNREADABLE' });
}

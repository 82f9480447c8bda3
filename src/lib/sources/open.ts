import { stat } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { openCsv } from './csv.js';
import { unreadable } from '../core/unreadable.js';
import { emptyInput, fileInput, streamInput, type Input } from './file-input.js';
import { openJsonl } from './jsonl.js';
import type { RowSource } from './row-source.js';

/**
 * A CSV or JSONL file, by its extension, else by its first character. A pipe's path (`<(zcat …)`) is read once.
 *
 * @throws UserError when the file is missing, unreadable, empty, a directory, or its header is malformed.
 */
export async function openFileSource(path: string): Promise<RowSource> {
  const input = (await isPipe(path)) ? streamInput(createReadStream(path), path) : await fileInput(path);
  return openInput(input, /\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase());
}

/** CSV or JSONL from a stream that is read once and cannot be resumed. @throws as {@link openFileSource}. */
export function openStdinSource(stream: NodeJS.ReadableStream): Promise<RowSource> {
  return openInput(streamInput(stream, 'standard input'));
}

async function openInput(input: Input, extension?: string): Promise<RowSource> {
  try {
    const json = isJson(extension) ?? (await firstCharacter(input)) === '{';
    return (json ? await openJsonl(input) : await openCsv(input)) as RowSource;
  } catch (error) {
    await input.close();
    throw unreadable(input.label, error);
  }
}

function isJson(extension: string | undefined): boolean | undefined {
  if (extension === 'csv' || extension === 'tsv') return false;
  return extension === 'jsonl' || extension === 'ndjson' || extension === 'json' ? true : undefined;
}

async function firstCharacter(input: Input): Promise<string> {
  const opened = await input.peek();
  try {
    for (;;) {
      const text = opened.window.bytes.toString('latin1').replace(/^ï»¿/, '');
      const first = /[^ \t\r\n]/.exec(text)?.[0];
      if (first !== undefined) return first;
      if (opened.window.ended) throw emptyInput(input.label);
      await opened.window.fill(new AbortController().signal);
    }
  } finally {
    await opened.close();
  }
}

async function isPipe(path: string): Promise<boolean> {
  try {
    const stats = await stat(path);
    return stats.isFIFO() || stats.isCharacterDevice() || stats.isSocket();
  } catch (error) {
    throw unreadable(path, error);
  }
}

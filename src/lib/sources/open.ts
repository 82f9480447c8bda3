import { openCsv } from './csv.js';
import { UserError } from '../core/errors.js';
import { openInput } from '../core/input-file.js';
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
  return openSource(await inputAt(path), /\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase());
}

/** CSV or JSONL from a stream that is read once and cannot be resumed. @throws as {@link openFileSource}. */
export function openStdinSource(stream: NodeJS.ReadableStream): Promise<RowSource> {
  return openSource(streamInput(stream, 'standard input'));
}

async function openSource(input: Input, extension?: string): Promise<RowSource> {
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
  const window = await input.peek();
  for (;;) {
    const text = window.bytes.toString('latin1').replace(/^ï»¿/, '');
    const first = /[^ \t\r\n]/.exec(text)?.[0];
    if (first !== undefined) return first;
    if (window.ended) throw emptyInput(input.label);
    await window.fill(new AbortController().signal);
  }
}

async function inputAt(path: string): Promise<Input> {
  try {
    const opened = await openInput(path);
    if ('stream' in opened) return streamInput(opened.stream, path);
    const { file, stats } = opened;
    try {
      if (stats.isDirectory())
        throw new UserError(`${path} is a directory`, {
          code: 'INPUT_UNREADABLE',
          hint: 'Give a CSV or JSONL file.',
        });
      return await fileInput(file, path);
    } catch (error) {
      await file.close();
      throw error;
    }
  } catch (error) {
    throw unreadable(path, error);
  }
}

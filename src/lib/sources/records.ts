import type { Input } from './file-input.js';
import { readLines, type Decoder } from './line-reader.js';
import type { ReadOptions, RowBatch, SourcePosition } from './row-source.js';

/** The records of a file or stream, from `options.from` or from where the first of them starts. */
export async function* readRecords<Row>(
  input: Input,
  first: Required<Pick<SourcePosition, 'offset' | 'line'>>,
  decode: Decoder<Row>,
  options: ReadOptions,
): AsyncGenerator<RowBatch<Row>> {
  const { rows = 0, offset = first.offset, line = first.line, sha256 } = options.from ?? {};
  const from = { rows, offset, ...(sha256 === undefined ? {} : { sha256 }) };
  const { window, hash } = await input.open(from, options);
  yield* readLines({
    window,
    decode,
    label: input.label,
    start: { rows, offset, line },
    hash,
    maxRows: options.maxRows,
    signal: options.signal,
  });
}

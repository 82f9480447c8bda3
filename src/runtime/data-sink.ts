import { StringDecoder } from 'node:string_decoder';

import { abortable } from '../lib/core/abortable.js';
import { escapeBlock } from './escape.js';

/** Where a command's data goes, as it is. */
export interface DataSink {
  /**
   * Resolves when more can be taken. A string is written as UTF-8.
   * @returns false when nothing more is taken: nobody reads it, or the disk is full. The runtime reports that.
   * @throws the signal's reason
   */
  write(chunk: Uint8Array | string): Promise<boolean>;
}

export interface DataStream {
  write(chunk: Uint8Array | string): Promise<boolean>;
}

/** A pipe or file: every byte as it is, and none added. */
export function plainSink(stream: DataStream, signal: AbortSignal): DataSink {
  return { write: (chunk) => abortable(stream.write(chunk), signal) };
}

/** A terminal: controls are visible, bytes that are not UTF-8 are U+FFFD, and the prompt that follows is on its own line. */
export function terminalSink(stream: DataStream, signal: AbortSignal): DataSink & { end(): Promise<void> } {
  const decoder = new StringDecoder('utf8');
  let isLineOpen = false;
  async function print(text: string): Promise<boolean> {
    if (text !== '') isLineOpen = !text.endsWith('\n');
    return stream.write(escapeBlock(text));
  }
  return {
    write(chunk) {
      isLineOpen = true;
      return abortable(print(typeof chunk === 'string' ? chunk : decoder.write(Buffer.from(chunk))), signal);
    },
    async end() {
      await print(decoder.end());
      if (isLineOpen) await stream.write('\n');
    },
  };
}

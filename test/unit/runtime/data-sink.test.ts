import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { plainSink, terminalSink } from '../../../src/runtime/data-sink.js';

const { signal } = new AbortController();

/** The bytes cut into chunks at the places given. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((place) => place % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end));
}

async function printed(chunks: readonly (Uint8Array | string)[]): Promise<string> {
  let text = '';
  const sink = terminalSink(
    {
      write: (chunk) => {
        text += String(chunk);
        return Promise.resolve(true);
      },
    },
    signal,
  );
  for (const chunk of chunks) await sink.write(chunk);
  await sink.end();
  return text;
}

describe('data on a terminal', () => {
  it('shows controls, keeps lines, and ends with one', async () => {
    expect(await printed(['a\x1b[2J\tb\r\nc'])).toBe('a\\x1b[2J\tb\\x0d\nc\n');
    expect(await printed(['a\n'])).toBe('a\n');
    expect(await printed([''])).toBe('\n');
    expect(await printed([])).toBe('');
    expect(await printed([Buffer.from([0x61, 0xff, 0xe2, 0x82])])).toBe('a\ufffd\ufffd\n');
  });

  it('does not depend on where the chunks were cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme' }),
        fc.array(fc.nat(), { maxLength: 8 }),
        async (text, places) => {
          expect(await printed(cut(Buffer.from(text), places))).toBe(await printed([text]));
        },
      ),
    );
  });
});

it('a reader that does not read is left when the command is stopped', async () => {
  const stop = new AbortController();
  const sink = plainSink({ write: () => new Promise(() => {}) }, stop.signal);
  const written = sink.write('x');
  stop.abort(new Error('stopped'));
  await expect(written).rejects.toThrow('stopped');
});

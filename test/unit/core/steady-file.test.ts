import {
  appendFileSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { SteadyFile } from '../../../src/lib/core/steady-file.js';

let folder: string;
let count = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-steady-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const size = 20_000;
const text = Array.from({ length: size / 10 }, (_, i) => `${String(i).padStart(9, '0')}\n`).join('');
/** The same length, and nowhere the same. */
const other = text.replace(/\d/g, (digit) => 'abcdefghij'[Number(digit)]!);

type Change =
  | 'append'
  | 'rename'
  | 'truncate'
  | 'shorten'
  | 'write again'
  | 'write again, longer'
  | 'truncate and append';
const harmless: readonly Change[] = ['append', 'rename'];

/** Does what another process could. */
const changes: Record<Change, (path: string) => string | void> = {
  append: (path) => appendFileSync(path, 'more\n'),
  rename: (path) => {
    const to = `${path}.1`;
    renameSync(path, to);
    writeFileSync(path, other);
    return to;
  },
  truncate: (path) => truncateSync(path, 0),
  shorten: (path) => truncateSync(path, readFileSync(path).length - 1),
  'write again': (path) => writeFileSync(path, other),
  'write again, longer': (path) => writeFileSync(path, `${other}${text}`),
  'truncate and append': (path) => {
    truncateSync(path, 0);
    appendFileSync(path, `${other}${other}`);
  },
};

async function withFile<T>(work: (path: string, file: FileHandle) => Promise<T>): Promise<T> {
  const path = join(folder, String(count++));
  writeFileSync(path, text);
  const file = await open(path);
  try {
    return await work(path, file);
  } finally {
    await file.close();
  }
}

/** Reads to the end, and lets `between` act before each read. */
async function readAll(file: FileHandle, chunk: number, between: (read: number) => void): Promise<string> {
  const steady = await SteadyFile.of(file, 'rows.csv');
  const buffer = Buffer.alloc(chunk);
  let read = '';
  for (let reads = 0; ; reads++) {
    between(reads);
    const bytes = await steady.read(buffer, read.length);
    if (bytes === 0) return read;
    read += buffer.toString('latin1', 0, bytes);
  }
}

describe('a file that others write to while it is read', () => {
  it('is read as it is in the end, or refused; when it only grows or is renamed, it is read', async () => {
    const steps = fc.array(
      fc.record({
        change: fc.constantFrom(...(Object.keys(changes) as Change[])),
        before: fc.nat({ max: 8 }),
      }),
      { minLength: 1, maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 3000, max: 7000 }), steps, async (chunk, planned) => {
        await withFile(async (path, file) => {
          // Two writes within a tick of the kernel's clock have one time.
          await delay(10);
          let at = path;
          const done: Change[] = [];
          const reading = readAll(file, chunk, (reads) => {
            for (const { change, before } of planned)
              if (before === reads) {
                at = changes[change](at) ?? at;
                done.push(change);
              }
          });
          const outcome = await reading.catch((error: unknown) => error);
          // Never a part of what it was, and a part of what it became.
          const isWhole = outcome === readFileSync(at, 'latin1');
          const isRefused = (outcome as { code?: unknown }).code === 'INPUT_CHANGED';
          expect(isWhole || isRefused).toBe(true);
          if (done.every((change) => harmless.includes(change))) expect(isWhole).toBe(true);
        });
      }),
      { numRuns: 60 },
    );
  });

  it('is told from one that was changed before it was opened', async () => {
    await withFile(async (path) => {
      writeFileSync(path, other);
      const file = await open(path);
      await expect(readAll(file, 4096, () => {})).resolves.toBe(other);
      await file.close();
    });
  });

  it('says what happened to it', async () => {
    await withFile(async (path, file) => {
      const reading = readAll(file, 4096, (reads) => void (reads === 2 && changes.shorten(path)));
      await expect(reading).rejects.toThrow(
        'rows.csv was changed while it was read: it has 19,999 bytes, and had 20,000',
      );
    });
  });
});

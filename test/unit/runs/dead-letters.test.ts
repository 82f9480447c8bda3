import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import type { BulkLevel } from '../../../src/lib/cache/bulk-level.js';
import { DeadLetterFile } from '../../../src/lib/runs/dead-letters.js';
import { warm } from '../../../src/lib/cache/warm/warm.js';
import { toBytes } from '../../../src/lib/core/bytes.js';
import { systemClock } from '../../../src/lib/core/clock.js';
import { Interrupted, type NotWritten } from '../../../src/lib/core/errors.js';
import { silentProgress } from '../../../src/lib/core/progress.js';
import type { RowSource } from '../../../src/lib/sources/row-source.js';
import { needs } from '../../servers/needs.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-dead-letter-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const letter = (row: string) => ({ reason: 'too odd', row: toBytes(row) });

it('continues after what an earlier run kept, and cuts off what came later', async () => {
  const path = join(folder, 'dead.jsonl');
  writeFileSync(path, 'first\nlater\n');
  const file = await DeadLetterFile.open(path, 6);
  file.add(letter('é'));
  await file.close();
  expect(file.incomplete()).toBeUndefined();
  expect(readFileSync(path, 'utf8')).toMatch(/^first\n\{.*\}\n$/);
});

it('a file that became shorter than the checkpoint says is refused, and stays as it is', async () => {
  const path = join(folder, 'dead.jsonl');
  writeFileSync(path, 'first\n');
  await expect(DeadLetterFile.open(path, 100)).rejects.toMatchObject({ code: 'DEAD_LETTER', exitCode: 2 });
  expect(readFileSync(path, 'utf8')).toBe('first\n');
});

it('a file that does not end a line where the checkpoint says has changed: refused, and stays as it is', async () => {
  const path = join(folder, 'dead.jsonl');
  writeFileSync(path, 'first\nlater\n');
  await expect(DeadLetterFile.open(path, 8)).rejects.toMatchObject({ code: 'DEAD_LETTER', exitCode: 2 });
  expect(readFileSync(path, 'utf8')).toBe('first\nlater\n');
});

it('a line has what is known, in this order', async () => {
  const path = join(folder, 'dead.jsonl');
  const file = await DeadLetterFile.open(path, 0);
  file.add({
    key: toBytes('é'),
    row: toBytes('{}'),
    labels: { index: 'meters' },
    reason: 'too odd',
    line: 7,
  });
  file.add(letter('a,b'));
  await file.close();
  expect(readFileSync(path, 'utf8')).toBe(
    '{"line":7,"reason":"too odd","index":"meters","key":"é","row":"{}"}\n{"reason":"too odd","row":"a,b"}\n',
  );
});

needs('root')('dead letters on a full disk', () => {
  let disk: string;
  beforeEach(() => {
    disk = join(folder, 'disk');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', disk]);
  });
  afterEach(() => void execFileSync('umount', ['-l', disk]));

  it('end at a whole line, and nothing is written behind what is missing', async () => {
    const path = join(disk, 'dead.jsonl');
    const file = await DeadLetterFile.open(path, 0);
    for (let i = 0; i < 3; i++) file.add(letter('é'.repeat(1500)));
    await expect(file.flush()).rejects.toThrow(/of this run's 3 it has the first 2$/);
    file.add(letter('short'));
    await expect(file.flush()).rejects.toThrow(/of this run's 4 it has the first 2$/);
    await file.close();
    expect(file.incomplete()).toMatchObject({ exitCode: 5, code: 'DEAD_LETTER' });
    const content = readFileSync(path, 'utf8');
    expect(content.split('\n')).toHaveLength(3);
    expect(Buffer.byteLength(content)).toBe(file.bytes);
  });

  it('are told of beside the signal that stopped the run', async () => {
    execFileSync('sh', ['-c', `head -c 1000000 /dev/zero > ${disk}/filler || true`], { stdio: 'ignore' });
    const controller = new AbortController();
    const source = {
      identity: { kind: 'stdin' },
      label: 'rows',
      columns: [{ name: 'id' }],
      rereadable: false,
      column: () => (row: string) => row,
      json: (row: string) => row,
      fields: (row: string) => ['id', row],
      async *batches() {
        await Promise.resolve();
        yield { rows: ['1'], rejected: [{ line: 2, ...letter('x'), text: 'x' }], position: { rows: 1 } };
      },
      close: async () => {},
    } as unknown as RowSource<string>;
    const level = {
      name: 'fake',
      target: 'nowhere',
      hashes: true,
      writer: async () => ({
        async write() {
          controller.abort(new Interrupted('SIGINT'));
          controller.signal.throwIfAborted();
        },
        async drain() {},
        restarts: 0,
        async close() {},
      }),
    } as unknown as BulkLevel;
    const told: NotWritten[] = [];
    const running = warm(
      {
        source,
        levels: [level],
        key: '{id}',
        value: 'json',
        ttlMs: [0],
        ttlJitter: 0,
        nx: false,
        deadLetter: join(disk, 'dead.jsonl'),
      },
      {
        clock: systemClock,
        signal: controller.signal,
        progress: silentProgress,
        warn() {},
        notWritten: (problem) => void told.push(problem),
        started() {},
      },
    );
    await expect(running).rejects.toBeInstanceOf(Interrupted);
    expect(told).toEqual([expect.objectContaining({ code: 'DEAD_LETTER' })]);
    expect(told[0]!.message).toContain("of this run's 1 it has the first 0");
  });
});

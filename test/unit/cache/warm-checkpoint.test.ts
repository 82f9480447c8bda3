import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { BulkLevel } from '../../../src/lib/cache/bulk-level.js';
import { openCheckpoint, type WarmReached } from '../../../src/lib/cache/warm/checkpoint.js';
import type { WarmPlan } from '../../../src/lib/cache/warm/plan.js';
import { warm, type WarmResult } from '../../../src/lib/cache/warm/warm.js';
import { systemClock } from '../../../src/lib/core/clock.js';
import { UserError } from '../../../src/lib/core/errors.js';
import { silentProgress } from '../../../src/lib/core/progress.js';
import { openFileSource } from '../../../src/lib/sources/open.js';
import { scaled } from '../../scale.js';

/** Refuses keys that end in 7; keeps the others. */
function fakeLevel(name: string, kept: Map<string, unknown>): BulkLevel {
  return {
    name,
    target: `${name}.example:1`,
    hashes: true,
    writer: async ({ settled }: Parameters<BulkLevel['writer']>[0]) => ({
      async write(entries: Parameters<Awaited<ReturnType<BulkLevel['writer']>>['write']>[0]) {
        for (const entry of entries) {
          if (entry.key.endsWith('7')) settled(entry, 'failed', 'it ends in 7');
          else {
            kept.set(entry.key, entry.value);
            settled(entry, 'written');
          }
        }
      },
      async drain() {},
      restarts: 0,
      async close() {},
    }),
  } as unknown as BulkLevel;
}

const rows = 60;
let folder: string;
let input: string;
let path: string;
/** After 20 of the rows. */
let valid: string;
let undisturbed: WarmResult;

/** A run with the checkpoint as it is; `stopAfter` rows it is stopped like a process that died. */
async function run(levels: number, stopAfter = Infinity): Promise<WarmResult> {
  const kept = Array.from({ length: levels }, () => new Map<string, unknown>());
  const source = await openFileSource(input);
  const plan: WarmPlan = {
    source,
    levels: kept.map((map, i) => fakeLevel(`level${i}`, map)),
    key: 'k:{id}',
    value: 'json',
    ttlMs: kept.map(() => 1000),
    ttlJitter: 0,
    nx: false,
    // Batches of ten rows, and a checkpoint after each.
    rate: 10,
  };
  plan.resume = await openCheckpoint(path, plan).catch(async (error: unknown) => {
    await source.close();
    throw error;
  });
  let time = 0;
  const stop = new AbortController();
  const ended = warm(plan, {
    clock: {
      ...systemClock,
      monotonic: () => (time += 2000),
      async sleep() {
        await Promise.resolve();
      },
    },
    signal: stop.signal,
    progress: {
      ...silentProgress,
      update(done) {
        if (done >= stopAfter) stop.abort(new Error('stopped'));
      },
    },
    warn() {},
    notWritten(problem) {
      throw problem;
    },
    started() {},
  });
  return ended.finally(() => source.close());
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'metrify-warm-checkpoint-'));
  input = join(folder, 'rows.csv');
  path = join(folder, 'run.ckpt');
  const lines = Array.from({ length: rows }, (_, i) => (i % 12 === 5 ? 'malformed' : `${i},${i * 2}`));
  writeFileSync(input, `id,v\n${lines.join('\n')}\n`);
  undisturbed = await run(1);
  await expect(run(1, 20)).rejects.toThrow('stopped');
  valid = readFileSync(path, 'utf8');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const countsOf = ({ read, written, skipped, failed }: WarmResult) => ({ read, written, skipped, failed });

describe('a checkpoint of a warm', () => {
  it('of half the rows continues to the counts of an undisturbed run', async () => {
    const { position } = JSON.parse(valid) as WarmReached;
    expect(position.rows).toBeGreaterThan(0);
    expect(position.rows).toBeLessThan(rows);
    writeFileSync(path, valid);
    const result = await run(1);
    expect(countsOf(result)).toEqual(countsOf(undisturbed));
    expect(result.resumedAt).toBe(position.rows);
    expect(result.bytes).toBe(undisturbed.bytes);
  });

  it('is written as commit 79ce8ed wrote it, byte for byte but for the time', async () => {
    const old = readFileSync(new URL('../../fixtures/79ce8ed/warm/checkpoint.ckpt', import.meta.url), 'utf8');
    const { run: identity } = JSON.parse(old);
    writeFileSync(path, old);
    const checkpoint = await openCheckpoint(path, {
      source: { identity: identity.source },
      levels: [{ ...fakeLevel('redis', new Map()), target: '127.0.0.1:6399' }],
      key: 'meter:{meter_id}',
      value: 'json',
      ttlMs: [3_600_000],
      ttlJitter: 0,
      nx: false,
    });
    await checkpoint.save(checkpoint.reached!);
    const timeless = (text: string) => text.replace(/"savedAt": "[^"]+"/, '');
    expect(timeless(readFileSync(path, 'utf8'))).toBe(timeless(old));
  });

  it('that was edited anywhere is refused, or leads to the same counts: never a crash, never another count', async () => {
    await fc.assert(
      fc.asyncProperty(editOf(JSON.parse(valid)), async (edited) => {
        writeFileSync(path, JSON.stringify(edited));
        try {
          expect(countsOf(await run(1))).toEqual(countsOf(undisturbed));
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          expect([2, 4]).toContain(error.exitCode);
        }
      }),
      { numRuns: scaled(500) },
    );
  });

  it('of two levels whose counts differ in what the first did not reject is refused', async () => {
    rmSync(path, { force: true });
    await expect(run(2, 20)).rejects.toThrow('stopped');
    const stored = JSON.parse(readFileSync(path, 'utf8')) as WarmReached;
    const [first, second] = stored.levels;
    expect(second!.written + second!.failed).toBeLessThan(first!.written + first!.failed);
    for (const written of [0, first!.written + 100]) {
      writeFileSync(path, JSON.stringify({ ...stored, levels: [first, { ...second, written }] }));
      await expect(run(2)).rejects.toMatchObject({
        exitCode: 2,
        message: `${path} is not a checkpoint of metrify: its counts do not add up`,
      });
    }
    writeFileSync(path, JSON.stringify(stored));
    expect((await run(2)).read).toBe(rows);
  });
});

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** The document with one place removed, replaced, or changed a little. */
function editOf(document: Json): fc.Arbitrary<Json> {
  const places = placesOf(document);
  const change = fc.oneof(
    fc.constant(() => undefined),
    fc.jsonValue({ maxDepth: 2 }).map((value) => () => value as Json),
    fc
      .integer({ min: -5, max: 5 })
      .map((by) => (value: Json) => (typeof value === 'number' ? value + by : by)),
    fc.double({ noNaN: true }).map((value) => () => value),
    fc.constant((value: Json) => String(value)),
    fc.constant((value: Json) => [value]),
  );
  return fc
    .tuple(fc.constantFrom(...places), change)
    .map(([place, changed]) => edit(document, place, changed));
}

function placesOf(value: Json, above: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [above];
  return [above, ...Object.entries(value).flatMap(([name, member]) => placesOf(member, [...above, name]))];
}

function edit(value: Json, [name, ...below]: string[], change: (value: Json) => Json | undefined): Json {
  if (name === undefined) return change(value) ?? null;
  const copy = structuredClone(value) as Record<string, Json>;
  const changed = below.length > 0 ? edit(copy[name]!, below, change) : change(copy[name]!);
  if (changed === undefined) delete copy[name];
  else copy[name] = changed;
  // A list from which something was removed has a gap otherwise.
  return Array.isArray(copy) ? copy.filter((member) => member !== undefined) : copy;
}

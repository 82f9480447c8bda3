import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { expect } from 'vitest';

import { confirming } from '../../confirm-name.js';
import type { Finished } from '../../run.js';
import type { Errand, Run } from './system.js';

export interface Entry {
  readonly key: string;
  readonly value: string;
  /** In an hour; else never. */
  readonly expires: boolean;
}

type Held = ReadonlyMap<string, { readonly value: string | Record<string, string> }>;

/** A level of the cache as it is seen without metrify. */
export interface Store {
  /** Its name for `--level`. */
  readonly level: string;
  /** Of the proxy: what has to be confirmed. */
  readonly address: string;
  readonly hashes: boolean;
  readonly idleTimes: boolean;
  /** Makes these its only entries. */
  fill(entries: readonly Entry[]): Promise<void>;
  dump(): Promise<Held>;
}

const rows = 3000;
const badRows = 25;
const ids = Array.from({ length: rows }, (_, i) => i + 1);
const mine = ids.map((id): Entry => ({ key: `k:${id}`, value: nameOf(id), expires: false }));
/** What no command here names. */
const others = ids
  .slice(0, 300)
  .map((id): Entry => ({ key: `other:${id}`, value: `other ${id}`, expires: true }));

function nameOf(id: number): string {
  return `meter number ${id} of some street`;
}

/** The verbs of `cache` on one level. */
export async function cacheVerbs(
  folder: string,
  store: Store,
): Promise<Record<string, () => Promise<Errand>>> {
  const file = join(folder, 'meters.csv');
  await writeFile(file, `id,name\n${ids.map((id) => `${id},${nameOf(id)}\n`).join('')}`);
  const level = ['--level', store.level];

  const warming =
    (more: readonly string[], valueOf: (id: number) => unknown, before: readonly Entry[] = []) =>
    async (): Promise<Errand> => {
      await store.fill([...before, ...others]);
      return {
        args: ['cache', 'warm', '--file', file, '--key', 'k:{id}', '--to', store.level, ...more],
        check: (run) => checkWarm(store, run, { valueOf, before }),
      };
    };
  const asJson = (id: number) => JSON.stringify({ id: String(id), name: nameOf(id) });
  const half = mine.slice(0, rows / 2).map((entry) => ({ ...entry, value: 'older' }));

  const flushing =
    (selection: readonly string[], of: readonly Entry[] = mine) =>
    async (): Promise<Errand> => {
      await store.fill([...mine, ...others]);
      return {
        args: ['cache', 'flush', ...selection, ...level, ...confirming(store.level, store.address)],
        check: (run) => checkFlush(store, run, of),
      };
    };

  const single = async (
    args: readonly string[],
    check: (run: Run, held: Held) => void,
    entries: readonly Entry[] = mine.slice(0, 3),
  ): Promise<Errand> => {
    await store.fill([...entries, ...others]);
    return {
      args: ['cache', ...args, ...level],
      async check(run) {
        const held = await store.dump();
        for (const { key, value } of others) expect(held.get(key)?.value, key).toBe(value);
        check(run, held);
      },
    };
  };

  return {
    'warm --value json': warming([], asJson),
    'warm --value column': warming(['--value', 'column:name'], nameOf),
    'warm --nx': warming(['--value', 'column:name', '--nx'], nameOf, half),
    'warm --verify all': warming(['--value', 'column:name', '--verify', 'all'], nameOf),
    ...(store.hashes && {
      'warm --value hash': warming(['--value', 'hash'], (id) => ({ id: String(id), name: nameOf(id) })),
      'warm --value hash --nx': warming(
        ['--value', 'hash', '--nx'],
        (id) => ({ id: String(id), name: nameOf(id) }),
        half,
      ),
    }),
    'warm --resume --dead-letter': () => resuming(store, folder),
    'flush --pattern': flushing(['--pattern', 'k:*']),
    'flush --pattern --max-keys': flushing(['--pattern', 'k:*', '--max-keys', String(rows)]),
    'flush --no-ttl': flushing(['--no-ttl']),
    'flush --all': flushing(['--all'], [...mine, ...others]),
    ...(store.idleTimes && { 'flush --idle': flushing(['--idle', '1h'], []) }),
    'inspect --exact': async () => {
      await store.fill([...mine, ...others]);
      return {
        args: ['cache', 'inspect', '--exact', ...level],
        async check({ end, honest }) {
          expect((await store.dump()).size).toBe(rows + others.length);
          if (end.code === 0 && honest) expect(end.json().result.keys).toBe(rows + others.length);
          if (honest) expect([0, 5, 124]).toContain(end.code);
        },
      };
    },
    'inspect --sample': async () => {
      await store.fill([...mine, ...others]);
      return {
        args: ['cache', 'inspect', '--sample', '500', ...level],
        async check({ end, honest }) {
          expect((await store.dump()).size).toBe(rows + others.length);
          if (honest) expect([0, 5, 124]).toContain(end.code);
        },
      };
    },
    get: () =>
      single(['get', 'k:2'], ({ end, honest }) => {
        if (!honest) return;
        expect([0, 5, 124]).toContain(end.code);
        if (end.code === 0) expect(end.json().result).toMatchObject({ value: nameOf(2), found: true });
      }),
    'get of several': () =>
      single(['get', 'k:2', 'absent', 'k:3'], ({ end, honest }) => {
        if (!honest) return;
        expect([3, 5, 124]).toContain(end.code);
        if (end.code === 3)
          expect(end.json().result).toMatchObject({
            values: [{ value: nameOf(2) }, { value: nameOf(3) }],
            missing: ['absent'],
          });
      }),
    set: () =>
      single(['set', 'k:2', 'newer'], ({ end, honest }, held) => {
        const value = held.get('k:2')?.value;
        expect([nameOf(2), 'newer']).toContain(value);
        if (!honest) return;
        expect([0, 5, 124]).toContain(end.code);
        if (end.code === 0) expect(value).toBe('newer');
        else if (value === 'newer') expect(end.json().result).toMatchObject({ uncertain: 1 });
      }),
    delete: () =>
      single(['delete', 'k:2'], ({ end, honest }, held) => {
        expect(held.has('k:1') && held.has('k:3')).toBe(true);
        if (!honest) return;
        expect([0, 5, 124]).toContain(end.code);
        if (held.has('k:2')) return expect(end.code).not.toBe(0);
        const { deleted, uncertain = 0 } = end.json().result;
        expect(deleted || uncertain === 1).toBe(true);
      }),
    'delete of nothing': () =>
      single(['delete', 'absent'], ({ end, honest }) => {
        if (!honest) return;
        expect([0, 5, 124]).toContain(end.code);
        if (end.code === 0) expect(end.json().result.deleted).toBe(false);
      }),
    doctor: async () => ({
      args: ['doctor'],
      async check({ end, honest }) {
        if (honest) expect([0, 3, 124]).toContain(end.code);
      },
    }),
  };
}

async function checkWarm(
  store: Store,
  { end, honest }: Run,
  { valueOf, before }: { valueOf(id: number): unknown; before: readonly Entry[] },
): Promise<void> {
  const held = await store.dump();
  for (const { key, value } of others) expect(held.get(key)?.value, key).toBe(value);
  const older = new Map(before.map(({ key, value }) => [key, value]));
  let present = 0;
  for (const id of ids) {
    const value = held.get(`k:${id}`)?.value;
    if (value === undefined || value === older.get(`k:${id}`)) expect(value).toBe(older.get(`k:${id}`));
    else {
      expect(parsed(value)).toEqual(parsed(valueOf(id)));
      present++;
    }
  }
  const kept = new Set([...others, ...mine].map(({ key }) => key));
  expect([...held.keys()].filter((key) => !kept.has(key))).toEqual([]);
  if (!honest) return;
  expect([0, 5, 124]).toContain(end.code);
  if (end.code !== 0 && end.stdout === '') return expect(present).toBe(0);
  const { result } = end.json();
  const { read, written, skipped, failed, uncertain = 0, verified } = result;
  expect(failed).toBe(0);
  expect(written, JSON.stringify(result)).toBeLessThanOrEqual(present);
  expect(written + uncertain, JSON.stringify(result)).toBeGreaterThanOrEqual(present);
  expect(read).toBeLessThanOrEqual(rows);
  expect(written + skipped).toBeLessThanOrEqual(read);
  if (end.code !== 0) return;
  expect(written + skipped).toBe(rows);
  expect(present + before.length).toBe(rows);
  if (before.length === 0) expect(written).toBe(rows);
  if (verified) expect(verified).toMatchObject({ checked: rows, mismatched: 0, missing: 0 });
}

function parsed(value: unknown): unknown {
  return typeof value === 'string' && value.startsWith('{') ? JSON.parse(value) : value;
}

async function checkFlush(store: Store, { end, honest }: Run, of: readonly Entry[]): Promise<void> {
  const held = await store.dump();
  const meant = new Set(of.map(({ key }) => key));
  for (const { key, value } of [...mine, ...others])
    if (!meant.has(key)) expect(held.get(key)?.value, key).toBe(value);
  if (!honest) return;
  expect([0, 5, 124]).toContain(end.code);
  const gone = of.filter(({ key }) => !held.has(key)).length;
  if (end.code !== 0 && end.stdout === '') return expect(gone).toBe(0);
  const { deleted, uncertain = 0 } = end.json().result;
  expect(deleted).toBeLessThanOrEqual(gone);
  expect(deleted + uncertain).toBeGreaterThanOrEqual(gone);
  if (end.code === 0) expect([deleted, gone]).toEqual([of.length, of.length]);
}

/** Rows among which some are bad: stopped and continued, each is written or in the dead letters once. */
async function resuming(store: Store, folder: string): Promise<Errand> {
  const file = join(folder, 'bad.csv');
  const checkpoint = join(folder, 'warm.checkpoint');
  const letters = join(folder, 'letters.jsonl');
  const every = rows / badRows;
  const lines = ids.map((id) => `${id % every === 0 ? '' : id},${nameOf(id)}\n`);
  await writeFile(file, `id,name\n${lines.join('')}`);
  for (const left of [checkpoint, letters]) await rm(left, { force: true });
  await store.fill(others);
  const complete = async (end: Finished, uncertain = 0) => {
    const held = await store.dump();
    expect(held.size).toBe(others.length + rows - badRows);
    const { result } = end.json();
    expect(end.code, end.stderr).toBe(6);
    expect(result).toMatchObject({ read: rows, skipped: 0, failed: badRows, written: rows - badRows });
    expect(uncertain).toBe(0);
    const dead = (await readFile(letters, 'utf8')).trim().split('\n');
    expect(new Set(dead.map((line) => (JSON.parse(line) as { line: number }).line)).size).toBe(badRows);
    expect(dead).toHaveLength(badRows);
  };
  return {
    args: [
      ...['cache', 'warm', '--file', file, '--key', 'k:{id}', '--value', 'column:name', '--to', store.level],
      ...['--resume', checkpoint, '--dead-letter', letters, '--rate', '3000'],
    ],
    async check({ end, honest, again }) {
      const held = await store.dump();
      for (const { key, value } of others) expect(held.get(key)?.value, key).toBe(value);
      if (!honest) return;
      expect([5, 6, 124]).toContain(end.code);
      await complete(end.code === 6 ? end : await again());
    },
  };
}

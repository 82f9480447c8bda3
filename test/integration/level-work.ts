import type {
  BulkLevel,
  Entry,
  KeyInfo,
  BulkRemoveOutcome,
  BulkWriteOutcome,
} from '../../src/lib/cache/bulk-level.js';
import { type ByteString, toBytes } from '../../src/lib/core/bytes.js';

const signal = new AbortController().signal;

/** Writes, and says how often each key had which outcome. */
export async function write(
  level: BulkLevel,
  entries: Entry[],
  nx = false,
  between?: () => Promise<unknown>,
) {
  const outcomes = new Map<string, string[]>();
  const settled = (entry: Entry, outcome: BulkWriteOutcome, reason?: string): void => {
    const text = reason === undefined ? outcome : `${outcome}: ${reason}`;
    const known = outcomes.get(entry.key);
    if (known) known.push(text);
    else outcomes.set(entry.key, [text]);
  };
  const writer = await level.writer({ nx, signal, settled });
  for (let at = 0; at < entries.length; at += 1000) {
    await writer.write(entries.slice(at, at + 1000));
    if (at === Math.floor(entries.length / 2000) * 1000) await between?.();
  }
  await writer.drain();
  await writer.close();
  return { outcomes, restarts: writer.restarts };
}

export async function remove(level: BulkLevel, keys: string[]): Promise<Map<string, boolean[]>> {
  const removed = new Map<string, boolean[]>();
  const settled = (key: string, outcome: BulkRemoveOutcome) =>
    removed.set(key, [...(removed.get(key) ?? []), outcome === 'removed']);
  const remover = await level.remover({ signal, settled });
  await remover.remove(keys as ByteString[]);
  await remover.drain();
  await remover.close();
  return removed;
}

export async function scan(
  level: BulkLevel,
  options: { pattern?: string; limit?: number; idle?: boolean } = {},
): Promise<KeyInfo[]> {
  const keys: KeyInfo[] = [];
  const details = { ttl: true, size: true, idle: options.idle ?? false };
  for await (const batch of level.scan({ signal, details, ...options })) {
    if (batch.restart) keys.length = 0;
    keys.push(...batch.keys);
  }
  return keys;
}

export const meters = (count: number, ttlMs = 0): Entry[] =>
  Array.from({ length: count }, (_, i) => ({
    key: toBytes(`meter:${i}:latest`),
    value: toBytes(`{"kwh":${i}}`),
    ttlMs,
  }));
export const onlyWritten = (outcomes: Map<string, string[]>) =>
  [...outcomes.values()].every((list) => list.length === 1 && list[0] === 'written');

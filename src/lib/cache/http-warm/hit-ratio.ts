import type { IncomingHttpHeaders } from 'node:http';
import { cacheStatus } from './cache-status.js';

/** Share of requests that a cache answered by itself, each answer weighted by how often the log has its path. */
export class HitRatio {
  #hits = 0;
  #told = 0;
  #header: string | undefined;

  add(headers: IncomingHttpHeaders, weight: number): void {
    const found = cacheStatus(headers);
    if (!found) return;
    this.#header ??= found.header;
    this.#told += weight;
    if (found.status === 'hit') this.#hits += weight;
  }

  /** 0 to 1; null when no answer told. */
  get ratio(): number | null {
    return this.#told === 0 ? null : this.#hits / this.#told;
  }

  /** The header that told. */
  get header(): string | null {
    return this.#header ?? null;
  }
}

/**
 * A sample in which an item's weight is how often it was drawn, in proportion to its count (systematic sampling): its
 * weighted mean estimates that of all requests. With no more items than asked for, all of them with their counts.
 */
export function sampleByCount<T extends { count: number }>(
  items: readonly T[],
  size: number,
  random: () => number = Math.random,
): { item: T; weight: number }[] {
  if (items.length <= size) return items.map((item) => ({ item, weight: item.count }));
  const step = items.reduce((sum, { count }) => sum + count, 0) / size;
  let next = random() * step;
  let seen = 0;
  const chosen: { item: T; weight: number }[] = [];
  for (const item of items) {
    seen += item.count;
    let weight = 0;
    for (; next < seen; next += step) weight++;
    if (weight > 0) chosen.push({ item, weight });
  }
  return chosen;
}

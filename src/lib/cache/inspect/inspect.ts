import type { ByteString } from '../../core/bytes.js';
import type { Progress } from '../../core/progress.js';
import { slotOf } from '../../clients/redis/slots.js';
import { advise } from './advice.js';
import { compileGlob } from '../glob.js';
import { globText, keyText } from '../key-text.js';
import type { BulkLevel, KeyInfo, NodeStatus } from '../bulk-level.js';
import { PrefixTree, type PrefixStats } from './prefix-tree.js';
import type { InspectResult, KeyReport, Prefix } from './result.js';
import { TopKeys } from './top-keys.js';

export interface InspectPlan {
  level: BulkLevel;
  pattern?: string | undefined;
  /** Keys to look at; undefined looks at every key. */
  sample?: number | undefined;
  /** Length of the lists of big and hot keys. */
  top: number;
  signal: AbortSignal;
  progress: Progress;
}

const ttlBounds: [upTo: string, ms: number][] = [
  ['1m', 60_000],
  ['10m', 600_000],
  ['1h', 3_600_000],
  ['1d', 86_400_000],
  ['7d', 604_800_000],
];
/** z of a two-sided 95 % interval. */
const z95 = 1.96;

/** What one node's keys add up to; thrown away when the node is walked again. */
class Tally {
  keys = 0;
  bytes = 0;
  bytesSquared = 0;
  readonly tree = new PrefixTree();
  readonly big: TopKeys;
  readonly hot: TopKeys;
  readonly ttls = new Array<number>(ttlBounds.length + 2).fill(0);
  readonly slots: Uint32Array | undefined;
  readonly types = new Map<string, { keys: number; bytes: number }>();

  constructor(top: number, cluster: boolean) {
    this.big = new TopKeys(top, (info) => info.bytes ?? 0);
    this.hot = new TopKeys(top, (info) => info.frequency ?? 0);
    this.slots = cluster ? new Uint32Array(16_384) : undefined;
  }

  add(info: KeyInfo): void {
    const bytes = info.bytes ?? 0;
    const ttlMs = info.ttlMs ?? -1;
    this.keys++;
    this.bytes += bytes;
    this.bytesSquared += bytes * bytes;
    this.tree.add(info.key, bytes, ttlMs);
    this.count(info.type ?? 'value', 1, bytes);
    this.big.offer(info);
    if (info.frequency !== undefined) this.hot.offer(info);
    let bucket = 0;
    if (ttlMs < 0) bucket = this.ttls.length - 1;
    else while (bucket < ttlBounds.length && ttlMs > ttlBounds[bucket]![1]) bucket++;
    this.ttls[bucket]!++;
    if (this.slots) this.slots[slotOf(info.key)]!++;
  }

  count(type: string, keys: number, bytes: number): void {
    const known = this.types.get(type);
    if (known) {
      known.keys += keys;
      known.bytes += bytes;
    } else {
      this.types.set(type, { keys, bytes });
    }
  }
}

/** Walks a level and adds up what is in it. Memory stays constant whatever the number of keys. */
export async function inspect({
  level,
  pattern,
  sample,
  top,
  signal,
  progress,
}: InspectPlan): Promise<InspectResult> {
  const before = await level.nodes(signal);
  const total = before.reduce((sum, node) => sum + node.keys, 0);
  const cluster = before.some((node) => node.slots !== undefined);
  const exact = sample === undefined || sample >= total;
  const tallies = new Map<string, Tally>();
  // A sample is a share of all keys, so that the pattern's share of them can be estimated.
  const matches = !exact && pattern !== undefined ? compileGlob(pattern) : undefined;
  const walked = new Map<string, number>();
  let done = 0;
  let movedSlots: number | undefined;
  for await (const batch of level.scan({
    signal,
    pattern: exact ? pattern : undefined,
    details: { ttl: true, size: true, frequency: true },
    limit: exact ? undefined : sample,
  })) {
    movedSlots ??= batch.movedSlots;
    if (batch.restart) {
      tallies.delete(batch.node);
      done -= walked.get(batch.node) ?? 0;
      walked.delete(batch.node);
    }
    let tally = tallies.get(batch.node);
    if (!tally) tallies.set(batch.node, (tally = new Tally(top, cluster)));
    for (const info of batch.keys) if (!matches || matches(info.key)) tally.add(info);
    walked.set(batch.node, (walked.get(batch.node) ?? 0) + batch.keys.length);
    done += batch.keys.length;
    progress.update(done, exact && pattern === undefined ? total : sample);
  }
  signal.throwIfAborted();
  const sum = new Tally(top, cluster);
  for (const tally of tallies.values()) addUp(sum, tally);

  const scale = exact || done === 0 ? 1 : total / done;
  const nodes = await level.nodes(signal);
  const bigKeys = await describeKeys(level, sum.big.list(), sum.bytes * scale, signal);
  const hotKeys = await describeKeys(level, sum.hot.list(), sum.bytes * scale, signal);
  // As they were before our own questions, which the server counts as hits.
  const [hits, misses] = [add(before, 'hits'), add(before, 'misses')];
  const result: Omit<InspectResult, 'advice'> = {
    level: level.name,
    target: level.target,
    mode: exact ? 'exact' : 'sample',
    sampled: done,
    ...defined('movedSlots', movedSlots),
    keys: Math.round(sum.keys * scale),
    memoryBytes: Math.round(sum.bytes * scale),
    ...(exact ? {} : { memoryError: Math.round(bytesError(sum, done, total)) }),
    prefixes: sum.tree
      .shapes()
      .map((shape) => describePrefix(shape, sum.bytes, exact ? undefined : { done, total })),
    types: [...sum.types]
      .map(([type, { keys, bytes }]) => ({
        type,
        keys: Math.round(keys * scale),
        bytes: Math.round(bytes * scale),
      }))
      .sort((a, b) => b.bytes - a.bytes),
    bigKeys,
    hotKeys,
    ttlHistogram: sum.ttls.map((keys, i) => ({
      upTo: ttlBounds[i]?.[0] ?? (i === ttlBounds.length ? 'more' : 'never'),
      keys: Math.round(keys * scale),
    })),
    ...(hits === undefined || misses === undefined || hits + misses === 0
      ? {}
      : { hitRatio: hits / (hits + misses) }),
    ...defined('evictions', add(nodes, 'evictions')),
    ...defined('fragmentation', worstFragmentation(nodes)),
    nodes: nodes.map((node) => ({
      ...node,
      share: total === 0 ? 0 : node.keys / Math.max(1, add(nodes, 'keys')!),
    })),
    ...(sum.slots ? { slots: busiestSlots(sum.slots, sum.keys) } : {}),
  };
  return { ...result, advice: advise(result) };
}

function addUp(sum: Tally, tally: Tally): void {
  sum.keys += tally.keys;
  sum.bytes += tally.bytes;
  sum.bytesSquared += tally.bytesSquared;
  sum.tree.merge(tally.tree);
  for (const [type, { keys, bytes }] of tally.types) sum.count(type, keys, bytes);
  for (const info of tally.big.list()) sum.big.offer(info);
  for (const info of tally.hot.list()) sum.hot.offer(info);
  tally.ttls.forEach((keys, i) => (sum.ttls[i]! += keys));
  tally.slots?.forEach((keys, slot) => (sum.slots![slot]! += keys));
}

function describePrefix(
  shape: { prefix: ByteString } & PrefixStats,
  totalBytes: number,
  sample: { done: number; total: number } | undefined,
): Prefix {
  const scale = sample ? sample.total / Math.max(1, sample.done) : 1;
  const withTtl = shape.keys - shape.withoutTtl;
  return {
    prefix: globText(shape.prefix),
    keys: Math.round(shape.keys * scale),
    bytes: Math.round(shape.bytes * scale),
    share: totalBytes === 0 ? 0 : shape.bytes / totalBytes,
    ttl: {
      withoutTtl: Math.round(shape.withoutTtl * scale),
      ...(withTtl > 0 ? { averageMs: Math.round(shape.ttlSum / withTtl) } : {}),
    },
    ...(sample
      ? {
          keysError: Math.round(keysError(shape.keys, sample.done, sample.total)),
          bytesError: Math.round(bytesError(shape, sample.done, sample.total)),
        }
      : {}),
  };
}

/** Half the 95 % interval of a share of a sample without replacement (normal approximation), in keys. */
function keysError(hits: number, sampled: number, total: number): number {
  const share = hits / Math.max(1, sampled);
  return total * z95 * Math.sqrt((share * (1 - share)) / Math.max(1, sampled)) * remaining(sampled, total);
}

/** Half the 95 % interval of a total estimated from a sample without replacement, in bytes. */
function bytesError(sum: { bytes: number; bytesSquared: number }, sampled: number, total: number): number {
  const n = Math.max(2, sampled);
  const variance = Math.max(0, (sum.bytesSquared - sum.bytes ** 2 / n) / (n - 1));
  return total * z95 * Math.sqrt(variance / n) * remaining(sampled, total);
}

/** Finite population correction: a sample of everything has no error. */
function remaining(sampled: number, total: number): number {
  return Math.sqrt(Math.max(0, total - sampled) / Math.max(1, total - 1));
}

async function describeKeys(
  level: BulkLevel,
  infos: KeyInfo[],
  totalBytes: number,
  signal: AbortSignal,
): Promise<KeyReport[]> {
  const elements = await level.elements(infos, signal);
  return infos.map(({ key, bytes, type, ttlMs, frequency }, i) => ({
    key: keyText(key),
    bytes,
    type,
    elements: elements[i],
    ttlMs,
    frequency,
    ...(bytes === undefined || totalBytes === 0 ? {} : { share: bytes / totalBytes }),
  }));
}

function busiestSlots(slots: Uint32Array, keys: number): { slot: number; keys: number; share: number }[] {
  return [...slots.entries()]
    .filter(([, count]) => count > 0)
    .sort((a, b) => b[1] - a[1])
    .slice(0, 5)
    .map(([slot, count]) => ({ slot, keys: count, share: count / Math.max(1, keys) }));
}

function add(nodes: NodeStatus[], name: 'hits' | 'misses' | 'evictions' | 'keys'): number | undefined {
  if (nodes.every((node) => node[name] === undefined)) return undefined;
  return nodes.reduce((sum, node) => sum + (node[name] ?? 0), 0);
}

function worstFragmentation(nodes: NodeStatus[]): number | undefined {
  const known = nodes
    .map((node) => node.fragmentation)
    .filter((ratio): ratio is number => ratio !== undefined);
  return known.length > 0 ? Math.max(...known) : undefined;
}

function defined<K extends string>(name: K, value: number | undefined): { [P in K]?: number } {
  return (value === undefined || Number.isNaN(value) ? {} : { [name]: value }) as { [P in K]?: number };
}

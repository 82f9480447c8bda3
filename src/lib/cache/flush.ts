import { graceMs, withGrace } from '../core/abort.js';
import { abortable, abortableItems } from '../core/abortable.js';
import type { ByteString } from '../core/bytes.js';
import type { Clock } from '../core/clock.js';
import { ServiceConflict } from '../core/errors.js';
import { Pace } from '../runs/pace.js';
import type { Progress } from '../core/progress.js';
import { counted, formatCount, formatDuration } from '../core/units.js';
import { compileGlob, hasLiteral } from './glob.js';
import { globText } from './key-text.js';
import type { BulkLevel, KeyInfo, ScanOptions } from './bulk-level.js';
import { isOwnKey } from './own-keys.js';
import { PrefixTree } from './inspect/prefix-tree.js';

/** Which keys go. */
export type Selection =
  | { by: 'pattern'; pattern: string }
  | { by: 'all'; pattern?: string }
  | { by: 'no-ttl' }
  | { by: 'idle'; idleMs: number };

export interface FlushPlan {
  level: BulkLevel;
  selection: Selection;
  /** Keys a second. */
  rate?: number | undefined;
}

export interface FlushCounts {
  matched: number;
  byPrefix: { prefix: string; keys: number }[];
  nodes: { node: string; matched: number; deleted: number }[];
  /** Keys of metrify itself, which stay. */
  kept: number;
  /** Slots of a cluster that moved during the walk: their keys may have been missed or seen twice. */
  movedSlots?: number;
}

export interface FlushResult extends FlushCounts {
  level: string;
  target: string;
  deleted: number;
  /** So many more may have been deleted: their answers were lost. Left out when there are none. */
  uncertain?: number;
}

export interface FlushHooks {
  clock: Clock;
  signal: AbortSignal;
  progress: Progress;
  started(result: () => FlushResult): void;
}

/** A pattern that names no character counts as everything; still, only what it matches is removed. */
export function normalizeSelection(selection: Selection): Selection {
  return selection.by === 'pattern' && !hasLiteral(selection.pattern)
    ? { ...selection, by: 'all' }
    : selection;
}

export function describeSelection(selection: Selection): string {
  switch (selection.by) {
    case 'pattern':
      return `keys that match ${selection.pattern}`;
    case 'all':
      return selection.pattern === undefined ? 'every key' : `every key that matches ${selection.pattern}`;
    case 'no-ttl':
      return 'keys that never expire';
    case 'idle':
      return `keys that were not used for ${formatDuration(selection.idleMs)}`;
  }
}

/** Counts what a flush would remove, removing nothing. @throws ServiceConflict (exit 4) past `maxKeys`. */
export async function countMatches(
  { level, selection }: FlushPlan,
  { signal, progress }: Pick<FlushHooks, 'signal' | 'progress'>,
  maxKeys?: number,
): Promise<FlushCounts> {
  const tallies = new Map<string, { keys: number; kept: number; tree: PrefixTree }>();
  let matched = 0;
  let movedSlots: number | undefined;
  for await (const batch of abortableItems(level.scan(scanOptions(selection, signal)), signal)) {
    movedSlots ??= batch.movedSlots;
    if (batch.restart) {
      matched -= tallies.get(batch.node)?.keys ?? 0;
      tallies.delete(batch.node);
    }
    let tally = tallies.get(batch.node);
    if (!tally) tallies.set(batch.node, (tally = { keys: 0, kept: 0, tree: new PrefixTree() }));
    for (const info of batch.keys) {
      if (!isSelected(info, selection)) continue;
      if (isOwnKey(info.key)) {
        tally.kept++;
        continue;
      }
      tally.tree.add(info.key, 0, -1);
      tally.keys++;
      matched++;
    }
    progress.update(matched);
  }
  signal.throwIfAborted();
  if (maxKeys !== undefined && matched > maxKeys)
    throw new ServiceConflict(
      `${counted(matched, 'key')} ${matched === 1 ? 'matches' : 'match'}, more than --max-keys ${formatCount(maxKeys)}: nothing was deleted`,
      { code: 'MAX_KEYS', hint: `See what they are with --dry-run, or raise --max-keys to ${matched}.` },
    );
  const tree = new PrefixTree();
  for (const tally of tallies.values()) tree.merge(tally.tree);
  return {
    matched,
    byPrefix: prefixesOf(tree),
    nodes: [...tallies].map(([node, { keys }]) => ({ node, matched: keys, deleted: 0 })),
    kept: [...tallies.values()].reduce((sum, { kept }) => sum + kept, 0),
    ...(movedSlots === undefined ? {} : { movedSlots }),
  };
}

/** Keys looked at for an estimate: a second or two, and an error of a few thousandths of the level. */
const estimatedFrom = 200_000;

/** How many keys a flush would remove, of how many: counted where there are few, else estimated from a sample. */
export async function estimateMatches(
  { level, selection }: FlushPlan,
  { signal, progress }: Pick<FlushHooks, 'signal' | 'progress'>,
): Promise<{ matched: number; total: number; exact: boolean }> {
  const total = (await level.nodes(signal)).reduce((sum, { keys }) => sum + keys, 0);
  if (total <= estimatedFrom) {
    const { matched } = await countMatches({ level, selection }, { signal, progress });
    return { matched, total: Math.max(total, matched), exact: true };
  }
  const { pattern, ...options } = scanOptions(selection, signal);
  const matches = pattern === undefined ? () => true : compileGlob(pattern);
  let [seen, found] = [0, 0];
  for await (const { keys } of level.scan({ ...options, limit: estimatedFrom })) {
    seen += keys.length;
    for (const info of keys)
      if (matches(info.key) && isSelected(info, selection) && !isOwnKey(info.key)) found++;
    progress.update(seen, estimatedFrom);
  }
  signal.throwIfAborted();
  return { matched: seen === 0 ? 0 : Math.round((found / seen) * total), total, exact: false };
}

/**
 * Removes the selected keys without ever blocking the server: walks it with a cursor and removes single keys,
 * pipelined. A key counts as deleted once, by the server's own answer, through restarts and failovers.
 */
export async function flush(plan: FlushPlan, hooks: FlushHooks): Promise<FlushResult> {
  const { level, selection } = plan;
  const tree = new PrefixTree();
  const nodes = new Map<string, { deleted: number; gone: number; restarted: boolean; recent: RecentKeys }>();
  const nodeOf = new Map<ByteString, string>();
  let deleted = 0;
  let kept = 0;
  let movedSlots: number | undefined;
  const result = (): FlushResult => ({
    level: level.name,
    target: level.target,
    matched: [...nodes.values()].reduce((sum, node) => sum + node.deleted + node.gone, 0),
    deleted,
    byPrefix: prefixesOf(tree),
    nodes: [...nodes].map(([node, counts]) => ({
      node,
      matched: counts.deleted + counts.gone,
      deleted: counts.deleted,
    })),
    kept,
    ...(movedSlots === undefined ? {} : { movedSlots }),
    ...(nodeOf.size > 0 ? { uncertain: nodeOf.size } : {}),
  });

  const tidying = withGrace(hooks.signal, graceMs);
  const remover = await level.remover({
    signal: tidying,
    settled(key, outcome) {
      const counts = nodes.get(nodeOf.get(key)!)!;
      nodeOf.delete(key);
      counts.recent.add(key);
      // The walk saw it: what is gone after a lost answer was removed by us.
      if (outcome === 'gone') {
        if (!counts.restarted) counts.gone++;
        return;
      }
      counts.deleted++;
      deleted++;
      tree.add(key, 0, -1);
    },
  });
  try {
    hooks.started(result);
    const pace = new Pace(plan.rate, hooks.clock);
    try {
      const batches = level.scan(scanOptions(selection, hooks.signal));
      for await (const batch of abortableItems(batches, hooks.signal)) {
        movedSlots ??= batch.movedSlots;
        let counts = nodes.get(batch.node);
        if (!counts)
          nodes.set(
            batch.node,
            (counts = { deleted: 0, gone: 0, restarted: false, recent: new RecentKeys() }),
          );
        // From here on, what is gone may have been removed by us before the node was lost.
        if (batch.restart) Object.assign(counts, { gone: 0, restarted: true });
        counts.recent.age();
        const keys: ByteString[] = [];
        for (const info of batch.keys) {
          if (!isSelected(info, selection)) continue;
          if (isOwnKey(info.key)) {
            if (!batch.restart) kept++;
            continue;
          }
          // A walk may come by the same key twice while the server's table shrinks, or after it started again.
          if (nodeOf.has(info.key) || counts.recent.has(info.key)) continue;
          nodeOf.set(info.key, batch.node);
          keys.push(info.key);
        }
        for (let from = 0; from < keys.length; from += pace.portion) {
          const portion = keys.slice(from, from + pace.portion);
          await pace.take(portion.length, hooks.signal);
          await abortable(remover.remove(portion), tidying);
          hooks.progress.update(deleted);
        }
      }
    } finally {
      await abortable(remover.drain(), tidying);
    }
    hooks.signal.throwIfAborted();
    return result();
  } finally {
    await remover.close();
  }
}

/**
 * Keys that were settled a moment ago. Pages are read ahead, so that one may still have them: sent again, and their
 * answers lost, they would count twice.
 */
class RecentKeys {
  #ages: Set<ByteString>[] = [new Set()];

  add(key: ByteString): void {
    this.#ages[0]!.add(key);
  }

  has(key: ByteString): boolean {
    return this.#ages.some((keys) => keys.has(key));
  }

  /** Before each page; more pages than this are not read ahead. */
  age(): void {
    this.#ages = [new Set(), ...this.#ages.slice(0, 4)];
  }
}

function scanOptions(selection: Selection, signal: AbortSignal): ScanOptions {
  return {
    signal,
    pattern: 'pattern' in selection ? selection.pattern : undefined,
    details: { ttl: selection.by === 'no-ttl', idle: selection.by === 'idle' },
  };
}

function isSelected(info: KeyInfo, selection: Selection): boolean {
  if (selection.by === 'no-ttl') return info.ttlMs === -1;
  if (selection.by === 'idle') return (info.idleMs ?? 0) >= selection.idleMs;
  return true;
}

function prefixesOf(tree: PrefixTree): { prefix: string; keys: number }[] {
  return tree
    .shapes()
    .sort((a, b) => b.keys - a.keys)
    .map(({ prefix, keys }) => ({ prefix: globText(prefix), keys }));
}

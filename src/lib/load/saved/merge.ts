import { UserError } from '../../core/errors.js';
import { counted, formatDuration } from '../../core/units.js';
import { joinTallies, type LoadTally } from '../generator.js';
import { targetRateBetween } from '../target-rate.js';
import type { OpenLatencies } from '../tally.js';
import { Timeline } from '../timeline.js';
import { differingKeys, type PlanDescription, planTitles } from './plan-description.js';
import type { SavedRun } from './saved-run.js';

/** A run, and the file in which it was saved. */
export interface RunFile {
  readonly path: string;
  readonly run: SavedRun;
}

/** Runs of several machines at the same time, as one. */
export interface MergedRun {
  readonly plan: PlanDescription;
  /** As they were written. */
  readonly thresholds: readonly string[];
  readonly threads: number;
  /** Of all machines together. */
  readonly maxConnections: number;
  /** Arrivals a second that all together wanted; null in a closed loop. Milliseconds from the begin of the first one. */
  targetRateAt(fromMs: number, toMs: number): number | null;
  readonly abortedBy: string | undefined;
  /** Whether any of them was. */
  readonly stopped: boolean;
  readonly tally: LoadTally;
}

/**
 * Adds runs up, on their wall clocks: a slice of the result has what happened at that time on all machines.
 * @throws UserError when they do not belong together
 */
export function mergeRuns(files: readonly RunFile[], open: OpenLatencies): MergedRun {
  requireThatTheyBelongTogether(files);
  const runs = files.map(({ run }) => run);
  const [{ plan, shard }] = runs as [SavedRun];
  const startedAt = Math.min(...runs.map(({ tally }) => tally.startedAt));
  const timeline = new Timeline(open);
  const laterMs = ({ tally }: SavedRun) => tally.startedAt - startedAt;
  for (const run of runs) timeline.addParallel(run.tally.timeline, laterMs(run));
  const joined = joinTallies(
    runs.map((run) => ({
      ...run.tally,
      lastSentMs: run.tally.lastSentMs + laterMs(run),
      endedMs: run.tally.endedMs + laterMs(run),
      slowest: run.tally.slowest.map((request) => ({ ...request, dueMs: request.dueMs + laterMs(run) })),
    })),
    runs.flatMap(({ pinned }) => pinned),
    open,
  );
  let threadsBefore = 0;
  const lost = runs.flatMap(({ tally, threads }) => {
    const before = threadsBefore;
    threadsBefore += threads;
    return tally.lost.map(({ thread, reason }) => ({ thread: before + thread, reason }));
  });
  return {
    plan,
    thresholds: [...new Set(runs.flatMap(({ thresholds }) => thresholds))],
    threads: threadsBefore,
    // Each shard had its part of them; runs without shards had all of them each.
    maxConnections: plan.maxConnections * (shard ? 1 : runs.length),
    targetRateAt(fromMs, toMs) {
      const { arrivals } = plan;
      if (arrivals.loop === 'closed') return null;
      return runs
        .map((run) => targetRateBetween(arrivals.stages, fromMs - laterMs(run), toMs - laterMs(run)))
        .reduce((sum, rate) => sum + rate / (shard?.of ?? 1), 0);
    },
    abortedBy: runs.find(({ abortedBy }) => abortedBy !== undefined)?.abortedBy,
    stopped: runs.some(({ stopped }) => stopped),
    tally: {
      ...joined,
      startedAt,
      elapsedMs: Math.max(...runs.map((run) => laterMs(run) + run.tally.elapsedMs)),
      timeline,
      lost,
    },
  };
}

const refused = (message: string, hint: string) => new UserError(message, { code: 'RUNS_DIFFER', hint });

function requireThatTheyBelongTogether(files: readonly RunFile[]): void {
  const [first, ...others] = files as [RunFile, ...RunFile[]];
  for (const [i, { path, run }] of files.entries()) {
    const same = files.slice(0, i).find((before) => before.run.id === run.id);
    if (same)
      throw refused(
        path === same.path ? `${path} is given twice` : `${path} is the same run as ${same.path}`,
        'Give each run once, or it counts twice.',
      );
  }
  for (const other of others) requireTheSamePlan(first, other);
  requireAllShards(files);
  for (const other of others) requireOverlap(first, other);
}

function requireTheSamePlan(a: RunFile, b: RunFile): void {
  const differ = differingKeys(a.run.plan, b.run.plan);
  if (differ.length === 0) return;
  const values = differ.includes('targets')
    ? `: ${a.run.plan.targets.join(', ')} and ${b.run.plan.targets.join(', ')}`
    : '';
  throw refused(
    `${a.path} and ${b.path} had other plans: they differ in ${differ.map((key) => planTitles[key]).join(', ')}${values}`,
    'Merge runs that were started with the same command, but for --shard.',
  );
}

function requireAllShards(files: readonly RunFile[]): void {
  const sharded = files.find(({ run }) => run.shard);
  if (!sharded) return;
  const { of } = sharded.run.shard!;
  const byIndex = new Map<number, RunFile>();
  for (const file of files) {
    const { shard } = file.run;
    if (shard?.of !== of)
      throw refused(
        `${sharded.path} is one of ${counted(of, 'shard')}, and ${file.path} ${shard ? `one of ${shard.of}` : 'is not a shard'}`,
        'Merge the shards of one run.',
      );
    const twin = byIndex.get(shard.index);
    if (twin)
      throw refused(
        `${twin.path} and ${file.path} are both shard ${shard.index} of ${of}`,
        'Merge the shards of one run, each once.',
      );
    byIndex.set(shard.index, file);
  }
  const missing = Array.from({ length: of }, (_, i) => i + 1).filter((index) => !byIndex.has(index));
  if (missing.length > 0)
    throw refused(
      `${missing.length === 1 ? 'shard' : 'shards'} ${missing.join(', ')} of ${of} ${missing.length === 1 ? 'is' : 'are'} missing`,
      'Without all shards it is not known how the whole load went. Give the files of all of them.',
    );
}

function requireOverlap(a: RunFile, b: RunFile): void {
  const [first, second] = [a, b].sort((x, y) => x.run.tally.startedAt - y.run.tally.startedAt) as [
    RunFile,
    RunFile,
  ];
  const gap = second.run.tally.startedAt - first.run.tally.startedAt - first.run.tally.elapsedMs;
  if (gap >= 0)
    throw refused(
      `${second.path} began ${formatDuration(gap)} after ${first.path} had ended`,
      'Merge runs of the same time, and check the clocks of the machines.',
    );
}

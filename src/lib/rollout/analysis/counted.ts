import { addBuckets, readBuckets } from './buckets.js';
import { type Increment, seriesKey } from './increments.js';
import type { Buckets, Measurements, ReplicaCounts } from './measurements.js';

/** One expression's counts of one version. */
export interface Counted {
  /** Undefined: no series. */
  readonly series: readonly Increment[] | undefined;
  readonly extrapolated: boolean;
  /** Time of the newest sample and the time between samples, where they are known. */
  readonly newest: number | undefined;
  readonly intervalMs: number | undefined;
}

/** One version's. */
export interface ArmCounts {
  readonly requests: Counted;
  readonly errors: Counted | undefined;
  readonly latency: Counted | undefined;
  /** An expression that was taken as given finds nothing in the last minutes. */
  readonly gone: boolean;
}

/** What a version did, from what its expressions counted. */
export function measurementsOf(
  { requests, errors, latency }: ArmCounts,
  silentForMs: number | undefined,
): Measurements {
  const known = sum(requests.series);
  const failed = sum(errors?.series) ?? 0;
  return {
    // Neither is a count when it is NaN, as of 0/0.
    requests: Number.isFinite(failed) && Number.isFinite(known) ? known : undefined,
    errors: Math.min(Number.isFinite(failed) ? failed : 0, known ?? 0),
    replicas: replicasOf(requests, errors),
    ...latencyOf(latency),
    extrapolated: [requests, errors, latency].some((counted) => counted?.extrapolated),
    silentForMs,
  };
}

function sum(series: readonly Increment[] | undefined): number | undefined {
  return series?.reduce((total, { increase }) => total + increase, 0);
}

function replicasOf(requests: Counted, errors: Counted | undefined): ReplicaCounts[] {
  if (requests.extrapolated || errors?.extrapolated) return [];
  const all = byReplica(requests.series ?? []);
  if (all === undefined) return [];
  const failed = byReplica(errors?.series ?? []);
  return [...all].map(([replica, series]) => {
    const count = sum(series)!;
    return { requests: count, errors: Math.min(count, sum(failed?.get(replica)) ?? 0) };
  });
}

function latencyOf(
  counted: Counted | undefined,
): Pick<Measurements, 'latency' | 'latencyReplicas' | 'latencyProblem'> {
  const none = (latencyProblem?: string) => ({ latency: undefined, latencyReplicas: [], latencyProblem });
  // Bounds of a replica that is gone don't matter.
  const series = counted?.series?.filter(({ grew }) => grew) ?? [];
  if (counted?.extrapolated) {
    const read = readBuckets(series);
    return 'buckets' in read
      ? { latency: read.buckets, latencyReplicas: [], latencyProblem: undefined }
      : none(read.problem);
  }
  const histograms = group(series, ({ labels }) => seriesKey(labels, 'le'));
  const replicas = byReplica(series);
  const whole = [...histograms.values()].map(readBuckets);
  const problem = whole.find((read) => 'problem' in read && read.problem !== undefined);
  if (problem && 'problem' in problem) return none(problem.problem);
  const buckets = whole.flatMap((read) => ('buckets' in read ? [read.buckets] : []));
  if (buckets.length === 0) return none();
  const latency = addBuckets(buckets);
  if (latency === undefined) return none('its histograms differ in their bounds');
  return {
    latency,
    latencyReplicas: [...(replicas?.values() ?? [])].flatMap((one): Buckets[] => {
      const read = readBuckets(one);
      return 'buckets' in read ? [read.buckets] : [];
    }),
    latencyProblem: undefined,
  };
}

/** By pod, or by scraped address; undefined where series carry neither. */
function byReplica(series: readonly Increment[]): Map<string, Increment[]> | undefined {
  const replica = ({ labels }: Increment) => labels.pod ?? labels.instance;
  return series.every((one) => replica(one) !== undefined)
    ? group(series, (one) => replica(one)!)
    : undefined;
}

function group<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const name = key(item);
    const members = groups.get(name);
    if (members === undefined) groups.set(name, [item]);
    else members.push(item);
  }
  return groups;
}

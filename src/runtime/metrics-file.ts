import { UserError, errorMessage } from '../lib/core/errors.js';
import { readText } from '../lib/core/input-file.js';
import { writeFileAtomic } from '../lib/core/files.js';

/** How a run ended. */
export interface Ended {
  success: boolean;
  durationSeconds: number;
  /** Seconds since the epoch when it ended. */
  timestampSeconds: number;
}

/** `metrify_run_NAME{command, job, …labels}`. */
export interface Gauge {
  /** With its unit: `latency_seconds`. */
  name: string;
  help: string;
  labels?: Record<string, string>;
  value: number;
}

export interface Histogram extends Omit<Gauge, 'value'> {
  /** In order; each count includes those before it. The bucket of +Inf is `count`. */
  buckets: { upTo: number; count: number }[];
  count: number;
  sum: number;
}

export interface RunMetrics {
  command: string;
  job: string;
  running: boolean;
  /** While it runs: the last run, if the file knows of one. */
  ended?: Ended | undefined;
  /** Counts by kind: `written`, `skipped`, … */
  counts: Record<string, number>;
  gauges?: Gauge[] | undefined;
  histograms?: Histogram[] | undefined;
}

type Labels = Record<string, string>;
type Sample = [labels: Labels, value: number];

/** The run in the text format that Prometheus reads. */
export function renderMetrics(run: RunMetrics): string {
  const labels = labelsOf(run);
  const { ended, gauges = [], histograms = [] } = run;
  const counts = Object.entries(run.counts);
  const lines = [
    ...gauge('metrify_run_running', 'Whether a run is under way.', [[labels, run.running ? 1 : 0]]),
    ...(ended
      ? [
          ...gauge('metrify_run_success', 'Whether the last run ended with exit code 0.', [
            [labels, ended.success ? 1 : 0],
          ]),
          ...gauge('metrify_run_duration_seconds', 'How long the last run took.', [
            [labels, ended.durationSeconds],
          ]),
          ...gauge('metrify_run_timestamp_seconds', 'When the last run ended, in Unix time.', [
            [labels, ended.timestampSeconds],
          ]),
        ]
      : []),
    ...(counts.length === 0
      ? []
      : gauge(
          'metrify_run_items',
          'What the run handled, by kind.',
          counts.map(([kind, count]): Sample => [{ ...labels, kind }, count]),
        )),
    ...byName(gauges).flatMap(([name, all]) =>
      gauge(
        name,
        all[0]!.help,
        all.map((one): Sample => [{ ...labels, ...one.labels }, one.value]),
      ),
    ),
    ...byName(histograms).flatMap(([name, all]) => [
      ...head(name, all[0]!.help, 'histogram'),
      ...all.flatMap((one) => histogramSamples(name, one, { ...labels, ...one.labels })),
    ]),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/**
 * Readable for everybody whatever the umask of the cron job, because the node exporter runs as its own user.
 * @throws UserError; the old file stays as it was
 */
export async function writeMetricsFile(path: string, run: RunMetrics): Promise<void> {
  try {
    await writeFileAtomic(path, renderMetrics(run), 0o644);
  } catch (error) {
    throw new UserError(`${path}: ${errorMessage(error)}`, {
      code: 'METRICS_FILE_NOT_WRITTEN',
      cause: error,
    });
  }
}

/** How the last run of the same command and job ended, as the file has it; undefined when it doesn't. */
export async function readLastRun(
  path: string,
  run: Pick<RunMetrics, 'command' | 'job'>,
): Promise<Ended | undefined> {
  const lines = (await textOf(path)).split('\n');
  const sample = (name: string): number | undefined => {
    const start = `metrify_run_${name}{${renderLabels(labelsOf(run))}} `;
    const line = lines.find((one) => one.startsWith(start));
    return line === undefined ? undefined : Number(line.slice(start.length));
  };
  const success = sample('success');
  const durationSeconds = sample('duration_seconds');
  const timestampSeconds = sample('timestamp_seconds');
  return success === undefined || durationSeconds === undefined || timestampSeconds === undefined
    ? undefined
    : { success: success === 1, durationSeconds, timestampSeconds };
}

/** '' of a file that is not there or cannot be read. */
async function textOf(path: string): Promise<string> {
  try {
    return await readText(path);
  } catch {
    // Whether it can be written shows when it is.
    return '';
  }
}

function labelsOf({ command, job }: Pick<RunMetrics, 'command' | 'job'>): Labels {
  return { command, job };
}

/** Samples of one name have to follow each other. */
function byName<T extends { name: string }>(metrics: readonly T[]): [name: string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const metric of metrics) {
    const name = `metrify_run_${metric.name}`;
    groups.set(name, [...(groups.get(name) ?? []), metric]);
  }
  return [...groups];
}

function gauge(name: string, help: string, samples: Sample[]): string[] {
  return [...head(name, help, 'gauge'), ...samples.map(([labels, value]) => line(name, labels, value))];
}

function histogramSamples(name: string, { buckets, count, sum }: Histogram, labels: Labels): string[] {
  return [
    ...buckets.map(({ upTo, count: below }) =>
      line(`${name}_bucket`, { ...labels, le: renderNumber(upTo) }, below),
    ),
    line(`${name}_bucket`, { ...labels, le: '+Inf' }, count),
    line(`${name}_sum`, labels, sum),
    line(`${name}_count`, labels, count),
  ];
}

function head(name: string, help: string, type: 'gauge' | 'histogram'): string[] {
  return [
    `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
    `# TYPE ${name} ${type}`,
  ];
}

function line(name: string, labels: Labels, value: number): string {
  return `${name}{${renderLabels(labels)}} ${renderNumber(value)}`;
}

function renderLabels(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeLabel(value)}"`)
    .join(',');
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function renderNumber(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

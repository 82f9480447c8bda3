import { UserError, errorMessage } from '../lib/core/errors.js';
import { writeFileAtomic } from '../lib/core/files.js';

export interface RunMetrics {
  command: string;
  job: string;
  success: boolean;
  durationSeconds: number;
  /** Seconds since the epoch when the run ended. */
  timestampSeconds: number;
  /** Counts by kind: `written`, `skipped`, … */
  items: Record<string, number>;
}

/** The run in the text format that Prometheus reads. */
export function renderMetrics(run: RunMetrics): string {
  const labels = { command: run.command, job: run.job };
  const items = Object.entries(run.items);
  return [
    ...gauge('metrify_run_success', 'Whether the last run ended with exit code 0.', [
      [labels, run.success ? 1 : 0],
    ]),
    ...gauge('metrify_run_duration_seconds', 'How long the last run took.', [[labels, run.durationSeconds]]),
    ...gauge('metrify_run_timestamp_seconds', 'When the last run ended, in Unix time.', [
      [labels, run.timestampSeconds],
    ]),
    ...(items.length === 0
      ? []
      : gauge(
          'metrify_run_items',
          'What the last run handled, by kind.',
          items.map(([kind, count]) => [{ ...labels, kind }, count]),
        )),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

/**
 * Readable for everybody whatever the umask of the cron job, because the node exporter runs as a user of its own.
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

function gauge(
  name: string,
  help: string,
  samples: [labels: Record<string, string>, value: number][],
): string[] {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} gauge`,
    ...samples.map(([labels, value]) => `${name}{${renderLabels(labels)}} ${renderNumber(value)}`),
  ];
}

function renderLabels(labels: Record<string, string>): string {
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

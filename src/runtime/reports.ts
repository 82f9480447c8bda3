import { NotWritten, errorMessage } from '../lib/core/errors.js';
import type { Check } from './command.js';
import type { RunMetricsFile, RunMetricsOptions } from './run-metrics.js';

/** The JUnit file, with `--junit`. @returns what to tell when it was not written */
export async function reportChecks(
  path: string | undefined,
  command: string,
  checks: Check[],
  durationMs: number,
): Promise<NotWritten[]> {
  if (path === undefined) return [];
  const { writeJunit } = await import('./junit.js');
  try {
    await writeJunit(path, command, checks, durationMs);
    return [];
  } catch (error) {
    return [new NotWritten(`the JUnit file was not written, and is as it was: ${errorMessage(error)}`)];
  }
}

/** The run metrics, with `--metrics-file`. */
export async function openMetrics(
  path: string | undefined,
  options: Omit<RunMetricsOptions, 'path'>,
): Promise<RunMetricsFile | undefined> {
  if (path === undefined) return undefined;
  const { RunMetricsFile } = await import('./run-metrics.js');
  return new RunMetricsFile({ ...options, path });
}

import { NotWritten, errorMessage } from '../lib/core/errors.js';
import type { Check } from './command.js';
import type { RunMetrics } from './metrics-file.js';

/** The JUnit file, with `--junit`. @returns what to tell when it was not written */
export async function reportChecks(
  path: string | undefined,
  command: string,
  checks: Check[],
  durationMs: number,
): Promise<NotWritten[]> {
  if (path === undefined) return [];
  const { writeJunit } = await import('./junit.js');
  return problemsOf('JUnit file', () => writeJunit(path, command, checks, durationMs));
}

/** The run metrics, with `--metrics-file`. @returns what to tell when they were not written */
export async function reportMetrics(path: string | undefined, run: RunMetrics): Promise<NotWritten[]> {
  if (path === undefined) return [];
  const { writeMetricsFile } = await import('./metrics-file.js');
  return problemsOf('metrics file', () => writeMetricsFile(path, run));
}

async function problemsOf(what: string, write: () => Promise<void>): Promise<NotWritten[]> {
  try {
    await write();
    return [];
  } catch (error) {
    return [new NotWritten(`the ${what} was not written, and is as it was: ${errorMessage(error)}`)];
  }
}

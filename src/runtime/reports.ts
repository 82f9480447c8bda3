import { NotWritten, UserError, errorMessage } from '../lib/core/errors.js';
import { rehearseFileAtomic } from '../lib/core/files.js';
import { whyUnwritable } from '../lib/core/unwritable.js';
import type { Check } from './command.js';
import type { RunMetricsFile, RunMetricsOptions } from './run-metrics.js';

/**
 * Whether the reports can be written, for a command that has not changed anything yet.
 * @param paths by their flags
 * @throws UserError exit 2 `OUTPUT_UNWRITABLE`
 */
export async function rehearseReports(paths: Readonly<Record<string, string | undefined>>): Promise<void> {
  for (const [flag, path] of Object.entries(paths)) {
    if (path === undefined) continue;
    try {
      await rehearseFileAtomic(path, '\n');
    } catch (error) {
      throw new UserError(`${flag} ${path} cannot be written: ${whyUnwritable(error)}`, {
        code: 'OUTPUT_UNWRITABLE',
        hint: `Nothing was changed. Make room there, or name another file with ${flag}.`,
        cause: error,
      });
    }
  }
}

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

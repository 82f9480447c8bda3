import { resolve } from 'node:path';

import { errorMessage, UserError } from '../../core/errors.js';
import { readWhole } from '../../core/input-file.js';
import type { Finding } from '../../core/schema/findings.js';
import type { Path } from '../../core/schema/walk.js';
import { type Feed, feedColumns, readFeed } from './feed.js';
import { splitFill, templatesOf, unfilled } from './placeholders.js';
import type { Scenario, ScenarioStep } from './schema.js';
import { placeholdersIn } from './template.js';

/** The files that a scenario needs. */
export interface Materials {
  /** By their names. */
  readonly feeds: ReadonlyMap<string, Feed>;
  /** The bytes of each `bodyFile`. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/**
 * Reads the feeds, of them the columns that placeholders name, and the bodies.
 * @param folder to which paths are relative
 * @returns findings instead where a file cannot be read, or nothing fills a placeholder
 */
export async function readMaterials(
  scenario: Scenario,
  folder: string,
  signal: AbortSignal,
): Promise<Materials | { readonly findings: readonly Finding[] }> {
  const findings: Finding[] = [];
  const told = async <T>(path: Path, work: Promise<T>): Promise<T | undefined> => {
    try {
      return await work;
    } catch (error) {
      if (signal.aborted) throw error;
      const hint = error instanceof UserError && error.hint !== undefined ? `. ${error.hint}` : '';
      findings.push({ path, message: `${errorMessage(error)}${hint}` });
      return undefined;
    }
  };

  const columns = new Map<string, readonly string[]>();
  const feeds = Object.entries(scenario.feeds ?? {});
  for (const [name, { file }] of feeds) {
    const found = await told(['feeds', name, 'file'], feedColumns(resolve(folder, file)));
    if (found) columns.set(name, found);
  }
  if (findings.length === 0) findings.push(...unfilled(scenario, columns));
  const files = new Map<string, Uint8Array>();
  for (const [path, { bodyFile }] of stepsOf(scenario)) {
    if (bodyFile === undefined || files.has(bodyFile)) continue;
    const bytes = await told([...path, 'bodyFile'], readWhole(resolve(folder, bodyFile)));
    if (bytes) files.set(bodyFile, bytes);
  }
  if (findings.length > 0) return { findings };

  const read = new Map<string, Feed>();
  const used = usedColumns(scenario);
  for (const [name, { file, order = 'sequential' }] of feeds) {
    const wanted = [...(used.get(name) ?? [])];
    // A feed that nothing uses is not read, and takes no turn.
    if (wanted.length === 0) continue;
    const work = readFeed({ name, order, path: resolve(folder, file), columns: wanted }, signal);
    const feed = await told(['feeds', name, 'file'], work);
    if (feed) read.set(name, feed);
  }
  return findings.length > 0 ? { findings } : { feeds: read, files };
}

function usedColumns(scenario: Scenario): ReadonlyMap<string, Set<string>> {
  const used = new Map<string, Set<string>>();
  for (const [path, step] of stepsOf(scenario))
    for (const { text } of templatesOf(step, path))
      for (const fill of placeholdersIn(text)) {
        const [feed, column] = splitFill(fill);
        if (column === undefined) continue;
        if (!used.has(feed)) used.set(feed, new Set());
        used.get(feed)!.add(column);
      }
  return used;
}

function stepsOf({ setup = [], tasks, teardown = [] }: Scenario): [Path, ScenarioStep][] {
  return [
    ...setup.map((step, i): [Path, ScenarioStep] => [['setup', i], step]),
    ...tasks.flatMap(({ steps }, i) =>
      steps.map((step, j): [Path, ScenarioStep] => [['tasks', i, 'steps', j], step]),
    ),
    ...teardown.map((step, i): [Path, ScenarioStep] => [['teardown', i], step]),
  ];
}

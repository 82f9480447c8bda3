import type { Changes, SinceJob } from './changes.js';
import type { State } from './state.js';

/** What the next run starts from. */
export function stateAfter(
  { table, column }: SinceJob,
  { horizon, survey }: Changes,
  { run, dataset }: { readonly run: string; readonly dataset: string },
): State {
  return {
    format: 'metrify-state',
    version: 1,
    run,
    writtenAt: new Date().toISOString(),
    dataset,
    table: { ...table, parts: [...table.parts] },
    horizon,
    seen: [...survey.seen],
    rows: survey.partitions.reduce((sum, { rows }) => sum + rows, 0),
    since: { column, newest: survey.newest },
  };
}

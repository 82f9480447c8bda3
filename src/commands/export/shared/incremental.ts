import { resolve } from 'node:path';

import type { PostgresClient } from '../../../lib/clients/postgres.js';
import { UserError } from '../../../lib/core/errors.js';
import { IncrementalRun } from '../../../lib/export/since/incremental-run.js';
import { wholeTable } from '../../../lib/export/since/source.js';
import { StateFile } from '../../../lib/export/since/state.js';
import { readSinceTable } from '../../../lib/export/since/table.js';
import type { Target } from '../../../lib/export/target.js';
import { flag, type FlagValues } from '../../../runtime/flags.js';

/** Of runs that keep a dataset up to date. */
export const incrementalFlags = {
  sinceColumn: flag.text({
    placeholder: 'COLUMN',
    help: 'write only rows of --table that the last run did not see; this cursor column tells which of them came late',
  }),
  state: flag.file({ access: 'write', help: 'keeps what the last run saw, for --since-column' }),
  onChange: flag.choice(['append', 'rewrite'], {
    help: 'with --since-column: add files with the new rows, or rewrite the partitions that changed; append if not given',
  }),
};

/** The maximum of sightings in a state: some MB, in the file as in the query. */
const mostSightings = 500_000;

type Input = FlagValues<typeof incrementalFlags> & {
  readonly table: string | undefined;
  readonly partitionBy: readonly string[];
};

/** @throws UserError exit 2 for flags that do not go together */
export function checkIncrementalFlags({ sinceColumn, state, onChange, table }: Input): void {
  if (sinceColumn === undefined) {
    const alone = state !== undefined ? '--state' : onChange !== undefined ? '--on-change' : undefined;
    if (alone !== undefined)
      throw new UserError(`${alone} goes with --since-column`, {
        hint: 'Give --since-column as well, or leave it out.',
      });
    return;
  }
  if (state === undefined)
    throw new UserError('--since-column needs a file that keeps what the last run saw', {
      hint: 'Give --state FILE.',
    });
  if (table === undefined)
    throw new UserError('--since-column goes with --table', {
      code: 'SINCE_UNSUPPORTED',
      hint: `Only rows of a table tell when they came. In a query, --since-column ${sinceColumn} would miss rows that come late.`,
    });
}

/**
 * @param table its full name, quoted
 * @returns undefined where the run does not look back
 * @throws UserError exit 2
 */
export async function prepareIncremental(
  client: PostgresClient,
  { sinceColumn: column, state, onChange = 'append', partitionBy }: Input,
  table: string | undefined,
  target: Target,
  cwd: string,
): Promise<IncrementalRun | undefined> {
  if (column === undefined || state === undefined || table === undefined) return undefined;
  // Said before anything is begun.
  await client.readOnly(() => readSinceTable(client, table, column));
  return new IncrementalRun({
    table,
    source: wholeTable(table),
    column,
    partitionBy,
    onChange,
    most: mostSightings,
    state: new StateFile(resolve(cwd, state)),
    dataset: target.name,
  });
}

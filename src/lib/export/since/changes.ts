import type { PostgresClient } from '../../clients/postgres.js';
import { ServiceConflict } from '../../core/errors.js';
import { formatCount } from '../../core/units.js';
import { quoteLiteral } from '../../sql/quote.js';
import { partitionPath } from '../partition-path.js';
import { describeOldest } from './blocker.js';
import { type Horizon, notesPlaces, reaches, readHorizon, sightingSql } from './horizon.js';
import { partitionSql, type SinceSource } from './source.js';
import type { State } from './state.js';
import { freshSql, type PartitionSurvey, type Survey, surveyTable } from './survey.js';
import { assertSame, type SinceTable, type TablePart } from './table.js';

/** What a run does with partitions that have changed: adds the new rows, or writes those partitions whole. */
export type OnChange = 'append' | 'rewrite';

export interface SinceJob {
  readonly table: SinceTable;
  readonly source: SinceSource;
  /** The cursor column. */
  readonly column: string;
  readonly partitionBy: readonly string[];
  readonly onChange: OnChange;
  /** The maximum of sightings in a state, and of partitions. */
  readonly most: number;
}

/** What a run has to export. */
export interface Changes {
  readonly kind: 'all' | OnChange;
  /** Of the rows to be written. */
  readonly sql: string;
  /** Folders of the partitions of the dataset that are written whole, or have no rows any more. */
  readonly touched: readonly string[];
  readonly survey: Survey;
  /** Rows of the last run that were changed or deleted since. */
  readonly gone: number;
  /** Of the next state. */
  readonly horizon: Horizon;
  /** Of the next state: parts that the table no longer has, and whose rows the dataset keeps. */
  readonly detached: readonly (TablePart & { readonly detached: true })[];
}

/** How many rows a dataset has of each partition, by its folder. */
export type HeldRows = ReadonlyMap<string, number>;

/**
 * Finds what has changed since the last run. The transaction must be REPEATABLE READ, and what is exported must be read in it.
 * @param repaired folders of partitions that may have rows that the last run did not see
 * @throws ServiceConflict exit 4 `STATE_CONFLICT`, `SNAPSHOT_TOO_OLD`; UserError
 */
export async function findChanges(
  client: PostgresClient,
  job: SinceJob,
  last: State | undefined,
  held: HeldRows,
  repaired: readonly string[] = [],
): Promise<Changes> {
  const { source, partitionBy, onChange } = job;
  const horizon = await readHorizon(client, last?.horizon);
  if (last) await assertTellable(client, job, last, horizon);
  const survey = await surveyTable(client, { ...job, last, horizon });
  if (!survey) throw await tooOld(client, job, horizon);
  const count = (of: (partition: PartitionSurvey) => number) =>
    survey.partitions.reduce((sum, partition) => sum + of(partition), 0);
  const gone = last ? last.rows + count(({ fresh }) => fresh) - count(({ rows }) => rows) : 0;
  const common = { survey, gone, horizon, detached: [] };
  if (!last) return { ...common, kind: 'all', sql: source.sql([]), touched: [] };
  const pathOf = ({ values }: PartitionSurvey) => partitionPath(partitionBy, values);
  const within = (partitions: readonly PartitionSurvey[]) =>
    partitions.length === 0
      ? 'false'
      : `${partitionSql(partitionBy)}::text IN (${partitions.map(({ key }) => quoteLiteral(key)).join(', ')})`;
  if (onChange === 'append') {
    const fresh = freshSql(last, source.row, horizon.next);
    // Rows that came between the last run and a repair are there already: these partitions are written whole.
    const whole = survey.partitions.filter((partition) => repaired.includes(pathOf(partition)));
    return {
      ...common,
      kind: 'append',
      sql: source.sql([], `${fresh} OR ${within(whole)}`),
      touched: repaired,
      detached: detachedParts(last, job.table),
    };
  }
  // A row that was deleted leaves no other trace than that one is missing.
  const changed = survey.partitions.filter(
    (partition) => partition.fresh > 0 || held.get(pathOf(partition)) !== partition.rows,
  );
  const there = new Set(survey.partitions.map(pathOf));
  return {
    ...common,
    kind: 'rewrite',
    sql: `SELECT * FROM (${source.sql([])}) AS metrify_rows WHERE ${within(changed)}`,
    touched: [...changed.map(pathOf), ...[...held.keys()].filter((folder) => !there.has(folder))],
  };
}

/** @throws ServiceConflict where the state does not tell new rows from old ones */
async function assertTellable(
  client: PostgresClient,
  { table, source, onChange }: SinceJob,
  last: State,
  horizon: Horizon,
): Promise<void> {
  assertSame(last.table, table);
  if (horizon.next < last.horizon.next)
    throw new ServiceConflict('this server is behind the snapshot of the last run', {
      code: 'STATE_CONFLICT',
      hint: 'Is it a standby that lags, or was it restored? Run it again later, or where the last run read.',
    });
  if (!reaches(last.horizon, horizon.next))
    throw new ServiceConflict(
      `${formatCount(Number(horizon.next - last.horizon.next))} transactions have begun since the last run, more than it could foresee`,
      {
        code: 'SNAPSHOT_TOO_OLD',
        hint: 'Remove the state file and export to a new folder; then run it more often.',
      },
    );
  // A partition that is written whole may as well look new.
  if (onChange === 'rewrite') return;
  const back = table.parts.find(({ oid }) =>
    last.table.parts.some((part) => part.detached && part.oid === oid),
  );
  if (back)
    throw new ServiceConflict(
      `${back.name} was detached from ${table.name}, is attached again, and the dataset has rows of it`,
      {
        code: 'STATE_CONFLICT',
        hint: 'Use --on-change rewrite for this run.',
      },
    );
  const files = new Map(last.table.parts.map(({ oid, file }) => [oid, file]));
  for (const { oid, file } of table.parts) {
    if (files.get(oid) === file || !files.has(oid)) continue;
    const sighting = sightingSql(last.horizon, source.row, horizon.next);
    const { rows } = await client.query<{ any: boolean; old: boolean }>(
      `SELECT EXISTS (${source.sql([], `${source.row}.tableoid = ${oid}`)}) AS any,
              EXISTS (${source.sql([], `${source.row}.tableoid = ${oid} AND (${sighting}) IS NULL`)}) AS old`,
    );
    // VACUUM FULL and CLUSTER keep XIDs, but not places; ALTER TABLE keeps neither.
    if (rows[0]!.any && (!rows[0]!.old || notesPlaces(last.seen)))
      throw new ServiceConflict(
        `${table.name} was rewritten since the last run (ALTER TABLE, TRUNCATE, VACUUM FULL, pg_repack), and all its rows look new`,
        {
          code: 'STATE_CONFLICT',
          hint: 'Use --on-change rewrite for this run, or remove the state file and export to a new folder.',
        },
      );
  }
}

/** Parts whose rows were written, and that the table no longer has. */
function detachedParts(last: State, table: SinceTable): Changes['detached'] {
  const attached = new Set(table.parts.map(({ oid }) => oid));
  return last.table.parts
    .filter(({ oid }) => !attached.has(oid))
    .map(({ oid, file }) => ({ oid, file, detached: true }));
}

async function tooOld(
  client: PostgresClient,
  { most }: SinceJob,
  horizon: Horizon,
): Promise<ServiceConflict> {
  const oldest = await describeOldest(client);
  return new ServiceConflict(
    `more than ${formatCount(most)} transactions have begun in the time of the oldest one that still runs, and would have to be kept`,
    {
      code: 'SNAPSHOT_TOO_OLD',
      hint: oldest
        ? `The oldest is ${oldest}. End it, and run this again.`
        : `Look for transaction ${horizon.oldest} on the primary.`,
    },
  );
}

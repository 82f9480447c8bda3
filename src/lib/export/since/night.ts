import { dirname } from 'node:path';

import type { PostgresClient } from '../../clients/postgres.js';
import { formatCount } from '../../core/units.js';
import type { Dataset, Facts } from '../dataset.js';
import type { Manifest } from '../manifest.js';
import { type Changes, findChanges, type HeldRows, type SinceJob } from './changes.js';
import type { State, StateFile } from './state.js';
import { readSinceTable, type SinceTable } from './table.js';

export interface NightJob extends Omit<SinceJob, 'table'> {
  /** Its full name, quoted. */
  readonly table: string;
  readonly state: StateFile;
  /** For people: where the dataset is. */
  readonly dataset: string;
}

/** One of the runs that keep a dataset up to date: what it has to write, and what it leaves to the next one. */
export class Night {
  readonly #job: NightJob;
  /** As the transaction sees it. */
  #table: SinceTable | undefined;
  #changes: Changes | undefined;

  constructor(job: NightJob) {
    this.#job = job;
  }

  /** For the dataset's manifest. */
  get facts(): Facts {
    const { table, column } = this.#job;
    return { since: { table, column } };
  }

  /**
   * Finds what is to be written, in the transaction in which it is read, and which partitions it replaces.
   * @returns the rows as a query
   * @throws as `readSinceTable`, `findChanges`, `StateFile.read` and `Dataset.replace`
   */
  async begin(client: PostgresClient, dataset: Dataset): Promise<string> {
    const { before } = dataset;
    const last = await this.#job.state.read(before?.since && before.run);
    this.#table = await readSinceTable(client, this.#job.table, this.#job.column);
    const changes = await findChanges(client, { ...this.#job, table: this.#table }, last, heldRows(before));
    if (changes.kind !== 'all') dataset.replace(new Set(changes.touched));
    this.#changes = changes;
    return changes.sql;
  }

  /** Before the dataset is changed. @param run as its manifest will name it */
  prepare(run: string): Promise<void> {
    return this.#job.state.prepare(stateAfter({ ...this.#job, table: this.#table! }, this.#changes!, run));
  }

  /** After the dataset was changed. */
  end(): Promise<void> {
    return this.#job.state.replace();
  }

  /** What whoever reads the dataset should know. */
  warnings(): string[] {
    const { onChange, column } = this.#job;
    const { kind, gone, survey } = this.#changes!;
    const warnings = [];
    if (survey.nullCursors > 0)
      warnings.push(
        `${formatCount(survey.nullCursors)} new rows have no ${column} (null): they were written as well`,
      );
    if (kind !== 'all' && gone > 0)
      warnings.push(
        onChange === 'append'
          ? `${formatCount(gone)} rows of the last run were changed or deleted since: the dataset has them as they were, and changed ones twice. Use --on-change rewrite`
          : `${formatCount(gone)} rows of the last run were changed or deleted since, and their partitions were written again`,
      );
    return warnings;
  }
}

function heldRows(manifest: Manifest | undefined): HeldRows {
  const held = new Map<string, number>();
  for (const { path, rows } of manifest?.files ?? []) {
    const folder = dirname(path) === '.' ? '' : dirname(path);
    held.set(folder, (held.get(folder) ?? 0) + rows);
  }
  return held;
}

/** What the next run starts from. */
export function stateAfter(
  {
    table,
    column,
    dataset,
  }: { readonly table: SinceTable; readonly column: string; readonly dataset: string },
  { horizon, survey }: Changes,
  run: string,
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

import type { PostgresClient } from '../../clients/postgres.js';
import { counted } from '../../core/units.js';
import type { Dataset } from '../dataset.js';
import type { Facts, Manifest } from '../manifest.js';
import { folderOf } from '../partition-path.js';
import { eitherInfinity, type Update } from '../update.js';
import { type Changes, findChanges, type HeldRows, type OnChange, type SinceJob } from './changes.js';
import type { State, StateFile } from './state.js';
import { readSinceTable, type SinceTable } from './table.js';

export interface IncrementalJob extends Omit<SinceJob, 'table'> {
  /** Its full name, quoted. */
  readonly table: string;
  readonly state: StateFile;
  /** For people: where the dataset is. */
  readonly dataset: string;
}

/** Why a run wrote what it wrote. */
export interface IncrementalSummary {
  /** All rows, as the first run; the new ones; or partitions whole. */
  readonly kind: 'all' | OnChange;
  /** New rows whose cursor column is below the newest value of the last run: they came late. */
  readonly late: number;
  /** New rows whose cursor column is null. */
  readonly withoutCursor: number;
  /** The newest value of the cursor column, as text. */
  readonly newest: string | null;
  /** Rows of the last run that were changed or deleted since. */
  readonly gone: number;
  /** Folders of the partitions that were written whole, or removed. */
  readonly rewritten: readonly string[];
}

/** One of the runs that keep a dataset up to date: what it has to write, and what it leaves to the next one. */
export class IncrementalRun implements Update {
  readonly #job: IncrementalJob;
  /** As the transaction sees it. */
  #table: SinceTable | undefined;
  #changes: Changes | undefined;
  /** The dataset as it was found. */
  #before: Manifest | undefined;

  constructor(job: IncrementalJob) {
    this.#job = job;
  }

  /** @throws as `readSinceTable`, `findChanges`, `StateFile.read` and `Dataset.replace` */
  async begin(client: PostgresClient, dataset: Dataset): Promise<string> {
    const { before } = dataset;
    const last = await this.#job.state.read(before?.since?.run);
    this.#table = await readSinceTable(client, this.#job.table, this.#job.column);
    const job = { ...this.#job, table: this.#table };
    const changes = await findChanges(client, job, last, heldRows(before), before?.since?.repaired);
    if (changes.kind !== 'all') dataset.replace(new Set(changes.touched));
    const { range } = changes.survey;
    if (range) dataset.annotate('range', JSON.stringify({ column: job.column, ...range }));
    this.#changes = changes;
    this.#before = before;
    return changes.sql;
  }

  async prepare(run: string, read: Facts): Promise<Facts> {
    const { state, table, column } = this.#job;
    const changes = this.#changes!;
    await state.prepare(stateAfter({ ...this.#job, table: this.#table! }, changes, run));
    const before = changes.kind === 'all' ? undefined : this.#before?.infinity;
    return {
      ...read,
      infinity: eitherInfinity(read.infinity, before),
      since: { table, column, run, ...changes.survey.range },
    };
  }

  end(): Promise<void> {
    return this.#job.state.replace();
  }

  /** What the run found. After `begin`. */
  summary(): IncrementalSummary {
    const { kind, gone, survey, touched } = this.#changes!;
    const { late, nullCursors, newest } = survey;
    return { kind, late, withoutCursor: nullCursors, newest, gone, rewritten: touched };
  }

  /** What whoever reads the dataset should know. */
  warnings(): string[] {
    const { onChange, column } = this.#job;
    const { kind, gone, withoutCursor } = this.summary();
    const warnings = [];
    if (withoutCursor > 0)
      warnings.push(`${counted(withoutCursor, 'row')} written now: '${column}' is null there`);
    if (kind !== 'all' && gone > 0)
      warnings.push(
        `${counted(gone, 'row')} of the last run changed or deleted since: ${
          onChange === 'append'
            ? 'the dataset keeps them as they were, beside the new versions. --on-change rewrite replaces them'
            : 'their partitions were rewritten'
        }`,
      );
    return warnings;
  }
}

function heldRows(manifest: Manifest | undefined): HeldRows {
  const held = new Map<string, number>();
  for (const { path, rows } of manifest?.files ?? []) {
    const folder = folderOf(path);
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
  { horizon, survey, detached }: Changes,
  run: string,
): State {
  return {
    format: 'metrify-state',
    version: 1,
    run,
    writtenAt: new Date().toISOString(),
    dataset,
    table: { ...table, parts: [...table.parts.map(({ oid, file }) => ({ oid, file })), ...detached] },
    horizon,
    seen: [...survey.seen],
    rows: survey.partitions.reduce((sum, { rows }) => sum + rows, 0),
    since: { column, newest: survey.newest },
  };
}

import type { PostgresClient } from '../clients/postgres.js';
import { ServiceConflict } from '../core/errors.js';
import type { Dataset } from './dataset.js';
import type { Facts, Manifest } from './manifest.js';

/** A change of a dataset that is there, where some of its files stay. */
export interface Update {
  /**
   * Decides what is written, in the transaction in which it is read, and tells the dataset which partitions it replaces.
   * @returns the rows as a query
   */
  begin(client: PostgresClient, dataset: Dataset): Promise<string>;
  /**
   * Before the dataset is changed.
   * @param run that makes the change
   * @param read what is known of the rows that were read
   * @returns what the manifest will say of all rows
   */
  prepare(run: string, read: Facts): Promise<Facts>;
  /** After the dataset was changed. */
  end(): Promise<void>;
}

/**
 * What the manifest still says when partitions of a dataset are rewritten.
 * @param read the manifest by which the partitions were chosen
 * @param newer folders of those that get newer rows than the dataset's last run saw
 * @throws ServiceConflict `DATASET_CHANGED` when another run has changed the dataset since
 */
export function keptFacts({ name, before }: Dataset, read: Manifest, newer: readonly string[]): Facts {
  if (before?.run !== read.run)
    throw new ServiceConflict(`${name} was changed meanwhile`, {
      code: 'DATASET_CHANGED',
      hint: 'Run it again.',
    });
  const { snapshot, snapshotTime, infinity, since } = before;
  const repaired = [...new Set([...(since?.repaired ?? []), ...newer])].sort();
  return {
    ...{ snapshot, snapshotTime, infinity },
    since: since && (repaired.length === 0 ? since : { ...since, repaired }),
  };
}

/** Says in each file that is not whole yet which snapshot its rows are of. */
export function annotate(dataset: Dataset, { snapshot }: Facts): void {
  if (snapshot !== undefined) dataset.annotate('snapshot', snapshot);
}

/** Whether there may be nulls for infinite values in files that were written by both rules. */
export function eitherInfinity(one: Facts['infinity'], other: Facts['infinity']): Facts['infinity'] {
  return one === 'null' ? one : (other ?? one);
}

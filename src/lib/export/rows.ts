import { warningsFor } from '../columnar/postgres/profiles.js';
import { type ColumnType } from '../columnar/rows/column-types.js';
import { namedType } from '../columnar/rows/named-type.js';
import { partitionType } from '../columnar/rows/partition-text.js';
import type { RowColumn } from '../columnar/rows/row-batches.js';
import { Refusals } from '../columnar/refusals.js';
import type { Schema } from '../columnar/type.js';
import { typeName } from '../columnar/type-name.js';
import { UserError } from '../core/errors.js';
import { checkNames, type WriteRules } from './query.js';

/** Rows that come one by one, by the columns of a dataset. */
export interface ExportRows {
  /** Of the files. */
  readonly columns: readonly RowColumn[];
  /** Which make the partitions, as text. */
  readonly partitions: readonly RowColumn[];
  /** Those columns with the types of their values. */
  readonly partitionTypes: Schema;
  /** Takes values that the files cannot hold. */
  readonly refusals: Refusals;
  /** What common readers make of the columns, if it is not what one expects. */
  readonly warnings: readonly string[];
}

/**
 * Finds out how columns are written. Those without a type are text: what types their values have is known when all of them are.
 * @param names of the source's columns; types may name more
 * @throws UserError `COLUMN_MISSING`, `COLUMN_DUPLICATE`, `TYPE_UNKNOWN`, `PARTITION_TYPE`
 */
export function describeRows(
  names: readonly string[],
  types: readonly ColumnType[],
  partitionBy: readonly string[],
  rules: WriteRules,
): ExportRows {
  const all = [...new Set([...names, ...types.map(({ name }) => name)])];
  checkNames(all, partitionBy);
  const typed = new Map(types.map(({ name, type }) => [name, type]));
  const columns = all.map((name): RowColumn => ({ name, ...namedType(typed.get(name) ?? 'text', rules) }));
  return exportColumns(columns, partitionBy, rules);
}

/** Columns of files and of partitions. @throws UserError `PARTITION_TYPE` */
export function exportColumns(
  columns: readonly RowColumn[],
  partitionBy: readonly string[],
  rules: WriteRules,
): ExportRows {
  const kept = columns.filter(({ name }) => !partitionBy.includes(name));
  return {
    columns: kept,
    partitions: partitionBy.map((name) => {
      const column = columns.find((each) => each.name === name)!;
      const asText = partitionType(column);
      if (asText) return { name, ...asText };
      throw new UserError(`'${name}' cannot make partitions as ${typeName(column.type)}`, {
        code: 'PARTITION_TYPE',
        hint: 'Text, whole numbers, booleans and dates can.',
      });
    }),
    partitionTypes: partitionBy.map((name) => {
      const { type } = columns.find((each) => each.name === name)!;
      return { name, type };
    }),
    refusals: new Refusals(rules.misfits),
    warnings: warningsFor(kept, rules.profile),
  };
}

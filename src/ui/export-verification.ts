import { counted, formatCount } from '../lib/core/units.js';
import type { VerificationResult } from '../lib/export/verify/verify.js';
import type { Printer } from '../runtime/printer.js';

/** What is wrong with a file, after its path. */
export const fileProblems = {
  missing: 'is missing',
  changed: 'is not as it was written',
  extra: 'is not in the manifest, and readers take it for data',
} as const;

/** A comparison as a person reads it. */
export function presentVerification(result: VerificationResult, printer: Printer): void {
  const { path, rows, partitions, compared, columns, refused, files, repaired } = result;
  for (const { name, dataset, database } of columns)
    printer.bad(
      `the column ${name} is ${dataset ?? 'missing'} in the dataset, and ${database ?? 'missing'} in the database`,
    );
  for (const { name, value, count } of refused)
    printer.bad(
      `the column ${name} has ${counted(count, 'value')} in the database that the files cannot hold, such as ${value}`,
    );
  for (const file of files) printer.bad(`${file.path} ${fileProblems[file.problem]}`);
  if (partitions.length > 0)
    printer.table({
      columns: [
        { title: 'partition', cut: true },
        { title: 'dataset', align: 'right' },
        { title: 'database', align: 'right' },
        { title: 'columns that differ' },
      ],
      rows: partitions.map((each) => [
        each.partition || 'all rows',
        formatCount(each.rows.dataset),
        formatCount(each.rows.database),
        each.isEqual ? printer.green('equal') : each.columns.map(({ name }) => name).join(', '),
      ]),
    });
  if (repaired.length > 0) printer.line(`Rewrote ${counted(repaired.length, 'partition')}.`);
  const differing = partitions.filter(({ isEqual }) => !isEqual).length;
  const isSame = differing === 0 && columns.length === 0 && files.length === 0;
  if (isSame) {
    printer.ok(
      `${path} has the ${counted(rows.database, 'row')} of the database, in ${counted(compared, 'partition')}`,
    );
    return;
  }
  if (differing > 0)
    printer.bad(
      `${counted(differing, 'partition')} of ${formatCount(compared)} ${differing === 1 ? 'differs' : 'differ'}`,
    );
}

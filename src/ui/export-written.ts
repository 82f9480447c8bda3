import { counted, formatBytes } from '../lib/core/units.js';
import type { ExportPreview, ExportResult } from '../lib/export/result.js';
import type { Printer } from '../runtime/printer.js';

/** What a run would write, as a person reads it. */
export function presentExportPreview(preview: ExportPreview, printer: Printer): void {
  const { target, schema, partitionBy, estimate } = preview;
  const size =
    estimate && ` about ${counted(estimate.rows, 'row')}, ${formatBytes(estimate.bytes)} before compression,`;
  printer.line(`Would write${size ?? ''} to ${target}`);
  if (partitionBy.length > 0) {
    const partitions = estimate ? `about ${counted(estimate.partitions, 'partition')}` : 'partitions';
    printer.line(`in ${partitions} by ${partitionBy.join(', ')}:`);
  }
  for (const { name, type } of schema) printer.line(`  ${name}  ${type}`);
}

/** What a run wrote, as a person reads it. */
export function presentExport(result: ExportResult, printer: Printer): void {
  const { rows, bytes, files, written, since } = result;
  const dataset = amount(rows, bytes, files.length);
  if (!since || since.kind === 'all') printer.ok(dataset);
  else if (written.files.length > 0)
    printer.ok(
      `wrote ${amount(written.rows, written.bytes, written.files.length)}; the dataset has ${dataset}`,
    );
  else if (since.rewritten.length > 0)
    printer.ok(`removed ${counted(since.rewritten.length, 'partition')}; the dataset has ${dataset}`);
  else printer.ok(`nothing new to write; the dataset has ${dataset}`);
  if (result.verified === 'rows')
    printer.ok(`read back: the files have the ${counted(written.rows, 'row')} that came`);
  if (result.verified === 'bytes') printer.ok('read back: the files have the bytes that were written');
}

function amount(rows: number, bytes: number, files: number): string {
  return `${counted(rows, 'row')}, ${formatBytes(bytes)} in ${counted(files, 'file')}`;
}

import { counted, formatBytes, formatCount } from '../lib/core/units.js';
import type { Inspection, InspectedColumn } from '../lib/export/read/inspect.js';
import type { Printer } from '../runtime/printer.js';

/** Longer values are cut. */
const longestValue = 24;
const barWidth = 12;

/** A dataset as a person reads it. */
export function presentDataset(result: Inspection, printer: Printer): void {
  const {
    path,
    format,
    rows,
    bytes,
    files,
    rowGroups,
    createdBy,
    reader,
    readFrom,
    partitionBy,
    partitions,
    columns,
  } = result;
  printer.heading(path);
  const facts: [string, string][] = [
    ['rows', formatCount(rows)],
    ['size', `${formatBytes(bytes)} in ${counted(files, `${format} file`)}`],
  ];
  if (rowGroups !== undefined) facts.push(['row groups', formatCount(rowGroups)]);
  if (partitionBy.length > 0)
    facts.push(['partitions', `${formatCount(partitions)} by ${partitionBy.join(', ')}`]);
  if (reader !== undefined) facts.push(['written for', reader]);
  facts.push(['written by', createdBy.join(', ')]);
  if (readFrom === 'manifest') facts.push(['read from', 'the manifest; ORC files are not read']);
  printer.facts(facts);
  printer.line();
  if (format === 'orc') presentTypes(columns, printer);
  else presentColumns(columns, printer);
}

function presentTypes(columns: readonly InspectedColumn[], printer: Printer): void {
  printer.table({
    columns: [{ title: 'column', cut: true }, { title: 'type' }],
    rows: columns.map(({ name, type }) => [name, type]),
  });
}

function presentColumns(columns: readonly InspectedColumn[], printer: Printer): void {
  const largest = Math.max(1, ...columns.map(({ bytes = 0 }) => bytes));
  printer.table({
    columns: [
      { title: 'column', cut: true },
      { title: 'size', align: 'right' },
      { title: ' '.repeat(barWidth), optional: true },
      { title: 'ratio', align: 'right' },
      { title: 'nulls', align: 'right' },
    ],
    rows: columns.map(({ name, bytes = 0, uncompressedBytes = 0, nulls }) => [
      name,
      formatBytes(bytes),
      printer.bar(bytes / largest, barWidth),
      bytes === 0 ? '' : (uncompressedBytes / bytes).toFixed(1),
      nulls === undefined ? '' : formatCount(nulls),
    ]),
  });
  printer.line();
  printer.table({
    columns: [{ title: 'column', cut: true }, { title: 'type' }, { title: 'range' }],
    rows: columns.map(({ name, type, min, max }) => [
      name,
      type,
      min === undefined || max === undefined ? '' : `${cut(min)} to ${cut(max)}`,
    ]),
  });
  printer.line();
  printer.table({
    columns: [{ title: 'column', cut: true }, { title: 'encodings' }, { title: 'compression' }],
    rows: columns.map(({ name, encodings = [], codecs = [] }) => [
      name,
      encodings.join(', '),
      codecs.join(', '),
    ]),
  });
}

function cut(text: string): string {
  return text.length > longestValue ? `${text.slice(0, longestValue)}…` : text;
}

import { cutMiddle, visibleWidth, wrap } from './wrap.js';

export interface Column {
  title: string;
  align?: 'left' | 'right';
  /** A key or an address: where there is too little room its middle is left out. */
  cut?: true;
  /** Left out where there is too little room: a bar beside its number. */
  optional?: true;
}

/** Cells, and the title of their columns; `rows` are of the same length. */
export interface Table {
  columns: readonly Column[];
  rows: readonly (readonly string[])[];
}

/** Less is not read well beside other columns. */
const narrowestText = 20;
/** Of a column whose cells are cut. */
const narrowestKey = 16;
/** Longer cells do not push the others aside. */
const widestAligned = 60;
const gap = '  ';

/**
 * The lines of a table that fits into `width`: as columns, of which keys may be cut and the last broken at words; else as
 * a block for each row, `name  value`. Without a width nothing is cut or broken.
 * @param title of a column, or a name, as it is to be printed
 */
export function tableLines(
  table: Table,
  width: number | undefined,
  title: (text: string) => string,
): string[] {
  if (width === undefined) return columnLines(table, alignedWidths(table), undefined, title);
  for (const variant of [table, withoutOptional(table)]) {
    const fitting = cutToFit(variant, width);
    if (fitting) return columnLines(fitting, naturalWidths(fitting), width, title);
  }
  return blockLines(withoutOptional(table), width, title);
}

function naturalWidths({ columns, rows }: Table): number[] {
  return columns.map((column, i) =>
    Math.max(visibleWidth(column.title), ...rows.map((row) => visibleWidth(row[i] ?? ''))),
  );
}

function alignedWidths(table: Table): number[] {
  const capped = table.rows.map((row) => row.map((cell) => (visibleWidth(cell) > widestAligned ? '' : cell)));
  return naturalWidths({ ...table, rows: capped });
}

function withoutOptional({ columns, rows }: Table): Table {
  const kept = columns.flatMap((column, i) => (column.optional ? [] : [i]));
  return { columns: kept.map((i) => columns[i]!), rows: rows.map((row) => kept.map((i) => row[i] ?? '')) };
}

/** The table with its keys cut as far as it takes; undefined: that is not enough. */
function cutToFit(table: Table, width: number): Table | undefined {
  const { columns, rows } = table;
  const widths = naturalWidths(table);
  const last = columns.length - 1;
  const words = rows.flatMap((row) => (row[last] ?? '').split(' '));
  const lastNeeds =
    columns[last]!.align === 'right' || columns[last]!.cut
      ? widths[last]!
      : Math.min(widths[last]!, Math.max(narrowestText, ...words.map(visibleWidth)));
  const needed = widths.slice(0, -1).reduce((sum, one) => sum + one + gap.length, lastNeeds);
  if (needed <= width) return table;
  const keys = columns.flatMap((column, i) => (column.cut ? [i] : []));
  const [key] = keys;
  const room = widths[key ?? 0]! - (needed - width);
  if (key === undefined || room < narrowestKey) return undefined;
  const cut = (row: readonly string[]) => row.map((cell, i) => (i === key ? cutMiddle(cell, room) : cell));
  return { columns, rows: rows.map(cut) };
}

function columnLines(
  { columns, rows }: Table,
  widths: readonly number[],
  width: number | undefined,
  title: (text: string) => string,
): string[] {
  const last = columns.length - 1;
  const before = widths.slice(0, -1).reduce((sum, one) => sum + one + gap.length, 0);
  const format = (cells: readonly string[]) =>
    columns
      .map((column, i) => {
        const cell = cells[i] ?? '';
        const padding = ' '.repeat(Math.max(0, widths[i]! - visibleWidth(cell)));
        if (column.align === 'right') return padding + cell;
        return i === last ? cell : cell + padding;
      })
      .join(gap)
      .trimEnd();
  const lines = (cells: readonly string[]): string[] => {
    const line = format(cells);
    if (width === undefined || visibleWidth(line) <= width) return [line];
    const [first, ...rest] = wrap(cells[last] ?? '', width - before);
    return [format([...cells.slice(0, last), first!]), ...rest.map((part) => ' '.repeat(before) + part)];
  };
  return [...lines(columns.map((column) => column.title)).map(title), ...rows.flatMap((row) => lines(row))];
}

/** A row below the other, each with a name and a value a line, and an empty line between two rows. */
function blockLines({ columns, rows }: Table, width: number, title: (text: string) => string): string[] {
  const names = Math.max(...columns.map((column) => visibleWidth(column.title)));
  const room = Math.max(narrowestText, width - names - gap.length);
  return rows.flatMap((row, at) => [
    ...(at === 0 ? [] : ['']),
    ...columns.flatMap((column, i) => {
      const cell = row[i] ?? '';
      if (cell === '') return [];
      const values = column.cut ? [cutMiddle(cell, room)] : wrap(cell, room);
      // A mark has no title: it stands where the block begins.
      if (column.title === '') return values;
      return values.map((value, line) => {
        const name = line === 0 ? column.title : '';
        return title(name) + ' '.repeat(names - visibleWidth(name)) + gap + value;
      });
    }),
  ]);
}

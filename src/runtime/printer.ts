import { createColors } from 'picocolors';

export interface Column {
  title: string;
  align?: 'left' | 'right';
}

/** Text for people: lines, aligned tables and bars, in colour only where the terminal has it. */
export class Printer {
  readonly #colors: ReturnType<typeof createColors>;

  constructor(
    private readonly write: (text: string) => void,
    readonly options: { color: boolean; width: number },
  ) {
    this.#colors = createColors(options.color);
  }

  line(text = ''): void {
    this.write(`${text}\n`);
  }

  heading(text: string): void {
    this.line(this.bold(text));
  }

  ok(text: string): void {
    this.line(`${this.green('ok')}    ${text}`);
  }

  bad(text: string): void {
    this.line(`${this.red('fail')}  ${text}`);
  }

  warn(text: string): void {
    this.line(`${this.yellow('warn')}  ${text}`);
  }

  /** Columns are as wide as their widest cell; the last one is never padded. */
  table({ columns, rows }: { columns: Column[]; rows: string[][] }): void {
    const widths = columns.map((column, i) =>
      Math.max(visibleWidth(column.title), ...rows.map((row) => visibleWidth(row[i] ?? ''))),
    );
    const format = (cells: string[]) =>
      columns
        .map((column, i) => {
          const cell = cells[i] ?? '';
          const padding = ' '.repeat(Math.max(0, widths[i]! - visibleWidth(cell)));
          if (column.align === 'right') return padding + cell;
          return i === columns.length - 1 ? cell : cell + padding;
        })
        .join('  ')
        .trimEnd();
    this.line(this.dim(format(columns.map((column) => column.title))));
    for (const row of rows) this.line(format(row));
  }

  /** Names and values below each other, the values aligned. */
  facts(facts: [name: string, value: string][]): void {
    const width = Math.max(...facts.map(([name]) => visibleWidth(name)));
    for (const [name, value] of facts)
      this.line(`${this.dim(name)}${' '.repeat(width - visibleWidth(name))}  ${value}`);
  }

  /** A horizontal bar of eighth blocks for a share between 0 and 1. */
  bar(share: number, width = 20): string {
    const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
    const full = '█'.repeat(Math.floor(eighths / 8));
    const rest = eighths % 8 === 0 ? '' : '▏▎▍▌▋▊▉'[(eighths % 8) - 1]!;
    return this.cyan((full + rest).padEnd(width));
  }

  bold = (text: string): string => this.#colors.bold(text);
  dim = (text: string): string => this.#colors.dim(text);
  green = (text: string): string => this.#colors.green(text);
  red = (text: string): string => this.#colors.red(text);
  yellow = (text: string): string => this.#colors.yellow(text);
  cyan = (text: string): string => this.#colors.cyan(text);
}

/** Columns the text takes on a terminal: colours take none. */
export function visibleWidth(text: string): number {
  // eslint-disable-next-line no-control-regex
  return [...text.replace(/\x1b\[[0-9;]*m/g, '')].length;
}

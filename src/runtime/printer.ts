import { createColors } from 'picocolors';

import { visibleWidth, wrap } from './wrap.js';

export interface Column {
  title: string;
  align?: 'left' | 'right';
}

/** What keys, pods or clusters may have put into a text, and would move the cursor or rename the window. Colours stay. */
// eslint-disable-next-line no-control-regex -- these are meant
const strange = /\x1b(?!\[[\d;]*m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]/g;

/** Text for people: lines, aligned tables and bars, in colour only where the terminal has it. */
export class Printer {
  readonly #colors: ReturnType<typeof createColors>;

  constructor(
    private readonly write: (text: string) => void,
    readonly options: {
      color: boolean;
      width: number;
      /** Long texts are broken at words: on a terminal, but not where a program reads. */
      wraps?: boolean;
    },
  ) {
    this.#colors = createColors(options.color);
  }

  line(text = ''): void {
    this.write(`${text.replace(strange, '')}\n`);
  }

  heading(text: string): void {
    this.line(this.bold(text));
  }

  ok(text: string): void {
    this.marked(`${this.green('ok')}    `, text);
  }

  bad(text: string): void {
    this.marked(`${this.red('fail')}  `, text);
  }

  warn(text: string): void {
    this.marked(`${this.yellow('warn')}  `, text);
  }

  /** A mark and a text whose further lines stand below its first. */
  marked(mark: string, text: string): void {
    const indent = visibleWidth(mark);
    const paragraphs = text.split('\n');
    const lines = this.options.wraps
      ? paragraphs.flatMap((paragraph) => wrap(paragraph, Math.max(20, this.options.width - indent)))
      : paragraphs;
    lines.forEach((line, i) => this.line((i === 0 ? mark : ' '.repeat(indent)) + line));
  }

  /**
   * Columns are as wide as their widest cell; the last one is never padded. On a terminal that is too narrow, the
   * last one is broken at words, or stands below the others.
   */
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
    const last = columns.length - 1;
    const before = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0);
    const [indent, room] =
      this.options.width - before < 20 ? [4, this.options.width - 4] : [before, this.options.width - before];
    const lines = (cells: string[]): string[] => {
      const line = format(cells);
      if (!this.options.wraps || visibleWidth(line) <= this.options.width) return [line];
      const broken = wrap(cells[last] ?? '', room);
      const beside = indent === before ? broken.shift()! : '';
      return [format([...cells.slice(0, last), beside]), ...broken.map((rest) => ' '.repeat(indent) + rest)];
    };
    for (const title of lines(columns.map((column) => column.title))) this.line(this.dim(title));
    for (const row of rows) for (const line of lines(row)) this.line(line);
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

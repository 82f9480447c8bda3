import type { Redactor } from '../lib/core/secrets/redactor.js';
import { escapeBlock, escapeLine } from './escape.js';
import { visibleWidth, wrap } from './wrap.js';

export interface Column {
  title: string;
  align?: 'left' | 'right';
}

/**
 * Text for people: lines, aligned tables and bars, in colour only where the terminal has it. What is printed may come
 * from anywhere: secrets in it are masked, every control character is made visible, and colours are only those of this printer.
 */
export class Printer {
  /** Begins a style. Nobody else can know it, so that no key or message carries a colour. */
  readonly #mark = `\x1b${Math.random().toString(36).slice(2)};`;
  readonly #write: (text: string) => void;

  constructor(
    write: (text: string) => void,
    readonly options: {
      redactor: Redactor;
      color: boolean;
      width: number;
      /** Long texts are broken at words: on a terminal, but not where a program reads. */
      wraps?: boolean;
    },
  ) {
    this.#write = write;
  }

  /** One line, whatever the text holds. */
  line(text = ''): void {
    this.#raw(this.#escaped(text));
  }

  /** Text that has lines itself: a file's content, a patch. */
  block(text: string): void {
    this.#raw(this.#escaped(text, escapeBlock));
  }

  heading(text: string): void {
    this.line(this.bold(text));
  }

  ok(...texts: string[]): void {
    this.marked(`${this.green('ok')}    `, ...texts);
  }

  bad(...texts: string[]): void {
    this.marked(`${this.red('fail')}  `, ...texts);
  }

  warn(...texts: string[]): void {
    this.marked(`${this.yellow('warn')}  `, ...texts);
  }

  /** A mark and a text, or several: further lines are aligned with the first. */
  marked(mark: string, ...texts: string[]): void {
    const sign = this.#escaped(mark);
    const indent = visibleWidth(sign);
    const paragraphs = texts.map((text) => this.#escaped(text));
    const lines = this.options.wraps
      ? paragraphs.flatMap((paragraph) => wrap(paragraph, Math.max(20, this.options.width - indent)))
      : paragraphs;
    lines.forEach((line, i) => this.#raw((i === 0 ? sign : ' '.repeat(indent)) + line));
  }

  /**
   * Columns are as wide as their widest cell; the last one is never padded. On a terminal that is too narrow, the
   * last one is broken at words, or stands below the others.
   */
  table({ columns, rows: given }: { columns: Column[]; rows: string[][] }): void {
    const rows = given.map((row) => row.map((cell) => this.#escaped(cell)));
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
      const first = indent === before ? broken.shift()! : '';
      return [format([...cells.slice(0, last), first]), ...broken.map((rest) => ' '.repeat(indent) + rest)];
    };
    for (const title of lines(columns.map((column) => column.title))) this.line(this.dim(title));
    for (const row of rows) for (const line of lines(row)) this.#raw(line);
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

  bold = (text: string): string => this.#styled(text, 1, 22);
  dim = (text: string): string => this.#styled(text, 2, 22);
  red = (text: string): string => this.#styled(text, 31, 39);
  green = (text: string): string => this.#styled(text, 32, 39);
  yellow = (text: string): string => this.#styled(text, 33, 39);
  cyan = (text: string): string => this.#styled(text, 36, 39);

  #styled(text: string, on: number, off: number): string {
    return this.options.color ? `${this.#mark}${on}m${text}${this.#mark}${off}m` : text;
  }

  /** The text without secrets, its controls visible and its styles as the terminal takes them. */
  #escaped(text: string, escape = escapeLine): string {
    const { redactor } = this.options;
    const [plain, ...styled] = text.split(this.#mark).map((part) => escape(redactor.text(part)));
    return plain! + styled.map((part) => `\x1b[${part}`).join('');
  }

  #raw(line: string): void {
    this.#write(`${line}\n`);
  }
}

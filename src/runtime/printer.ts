import type { Redactor } from '../lib/core/secrets/redactor.js';
import { escapeBlock, escapeLine } from './escape.js';
import { type Table, tableLines } from './table.js';
import { visibleWidth, wrap, wrapCommand } from './wrap.js';

/** Where there is less room beside something, text stands below it. */
const narrowestText = 20;
/** Of text that stands below what it belongs to. */
const indentBelow = 4;

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

  /** One line, whatever the text holds; on a terminal that is too narrow, further ones with the same indent. */
  line(text = ''): void {
    const line = this.#escaped(text);
    if (!this.options.wraps || visibleWidth(line) <= this.options.width) return this.#raw(line);
    // eslint-disable-next-line no-control-regex -- the printer's own
    const [, styles = '', indent = ''] = /^((?:\x1b\[\d+m)*)( *)/.exec(line)!;
    const rest = styles + line.slice(styles.length + indent.length);
    for (const part of wrap(rest, this.options.width - indent.length)) this.#raw(indent + part);
  }

  /** A command that can be pasted, also where it takes several lines. */
  command(line: string, indent = 0): void {
    const lines = this.options.wraps ? wrapCommand(line, this.options.width - indent) : [line];
    for (const part of lines) this.#raw(' '.repeat(indent) + this.#escaped(this.cyan(part)));
  }

  /** Commands that can be pasted, and what each does: beside it where that fits, else above it. */
  commands(commands: readonly { readonly command: string; readonly does: string }[]): void {
    const longest = Math.max(0, ...commands.map(({ command }) => visibleWidth(command)));
    const fits = commands.every(({ does }) => longest + 2 + visibleWidth(does) <= this.options.width);
    for (const { command, does } of commands)
      if (fits || !this.options.wraps) this.line(`${this.cyan(command.padEnd(longest))}  ${this.dim(does)}`);
      else {
        this.line(this.dim(`# ${does}`));
        this.command(command);
      }
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
    const lines = texts.map((text) => this.#escaped(text));
    for (const line of this.#beside(sign, lines, visibleWidth(sign))) this.#raw(line);
  }

  /** A table, or, where that does not fit the terminal, a block of names and values for each row. */
  table({ columns, rows }: Table): void {
    const escaped = rows.map((row) => row.map((cell) => this.#escaped(cell)));
    const width = this.options.wraps ? this.options.width : undefined;
    const title = (text: string) => this.#escaped(this.dim(text));
    for (const line of tableLines({ columns, rows: escaped }, width, title)) this.#raw(line);
  }

  /** Names and values below each other, the values aligned. */
  facts(facts: [name: string, value: string][]): void {
    const width = Math.max(...facts.map(([name]) => visibleWidth(name))) + 2;
    for (const [name, value] of facts) {
      const term = this.#escaped(this.dim(name)) + ' '.repeat(width - visibleWidth(name));
      for (const line of this.#beside(term, [this.#escaped(value)], width)) this.#raw(line);
    }
  }

  /** Texts to the right of something that takes `indent` columns; below it where there is no room for them. */
  #beside(sign: string, texts: readonly string[], indent: number): string[] {
    const { wraps, width } = this.options;
    if (!wraps) return texts.map((text, i) => (i === 0 ? sign : ' '.repeat(indent)) + text);
    const isBelow =
      width - indent < narrowestText && texts.some((text) => visibleWidth(text) > width - indent);
    const from = isBelow ? indentBelow : indent;
    const lines = texts.flatMap((text) => wrap(text, Math.max(narrowestText, width - from)));
    return [
      ...(isBelow ? [sign.trimEnd()] : []),
      ...lines.map((line, i) => (i === 0 && !isBelow ? sign : ' '.repeat(from)) + line),
    ];
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

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Redactor } from '../../../src/lib/core/secrets/redactor.js';
import { Printer } from '../../../src/runtime/printer.js';
import { fill, visibleWidth, wrap } from '../../../src/runtime/wrap.js';

function printed(width: number, wraps: boolean, print: (printer: Printer) => void): string[] {
  let text = '';
  print(new Printer((part) => (text += part), { redactor: new Redactor(), color: true, width, wraps }));
  return text.split('\n').slice(0, -1);
}

/** Without colours. */
// eslint-disable-next-line no-control-regex
const plain = (line: string) => line.replace(/\x1b\[[0-9;]*m/g, '');
const word = fc.stringMatching(/^[a-zé:/]{1,12}$/);
const sentence = fc.array(word, { minLength: 1, maxLength: 30 }).map((words) => words.join(' '));

describe('wrapping', () => {
  it('keeps every word, in lines that fit', () => {
    fc.assert(
      fc.property(sentence, fc.integer({ min: 12, max: 60 }), (text, width) => {
        const lines = wrap(text, width);
        expect(lines.join(' ')).toBe(text);
        for (const line of lines) expect(visibleWidth(line)).toBeLessThanOrEqual(width);
        // No line could have taken the word that follows it.
        for (const [i, line] of lines.slice(1).entries())
          expect(lines[i]!.length + 1 + line.split(' ')[0]!.length).toBeGreaterThan(width);
      }),
    );
  });

  it('keeps phrases together', () => {
    expect(fill(['cache warm', '--key K', '--ttl 1h'], 18)).toEqual(['cache warm --key K', '--ttl 1h']);
  });
});

describe('a table', () => {
  const rows = fc.array(fc.tuple(word, word, sentence), { minLength: 1, maxLength: 5 });
  const table = (cells: string[][]) => (printer: Printer) =>
    printer.table({
      columns: [{ title: 'a' }, { title: 'b', align: 'right' }, { title: 'c' }],
      rows: cells.map(([first, ...rest]) => [printer.green(first!), ...rest]),
    });

  it('fits its terminal, and loses nothing', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 30, max: 120 }), (cells, width) => {
        const lines = printed(width, true, table(cells)).map(plain);
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
        expect(lines.join(' ').split(/ +/).filter(Boolean)).toEqual(
          ['a', 'b', 'c', ...cells.flat()].join(' ').split(' '),
        );
      }),
    );
  });

  it('has one line a row where a program reads it', () => {
    fc.assert(
      fc.property(rows, (cells) => {
        expect(printed(30, false, table(cells))).toHaveLength(cells.length + 1);
      }),
    );
  });
});

it('what follows a mark stands below it', () => {
  const lines = printed(30, true, (printer) =>
    printer.bad('Redis at 10.0.0.1:6379 did not', 'answer for a second or more'),
  );
  expect(lines.map(plain)).toEqual([
    'fail  Redis at 10.0.0.1:6379',
    '      did not',
    '      answer for a second or',
    '      more',
  ]);
});

describe('a text from elsewhere', () => {
  const wild = '\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m\r\x9b5A\x7f\t\u202e\u2066\u200e\u061cö\n';
  const visible = String.raw`\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m\x0d\x9b5A\x7f\t\u202e\u2066\u200e\u061cö\n`;

  it('shows every control that it holds, also a colour that is not ours', () => {
    const lines = printed(300, true, (printer) => {
      printer.line(`${printer.green('key')} ${wild}`);
      printer.bad(wild);
      printer.facts([['name', wild]]);
      printer.table({ columns: [{ title: 'a' }, { title: 'b' }], rows: [[printer.red(wild), wild]] });
    });
    expect(lines[0]).toBe(`\x1b[32mkey\x1b[39m ${visible}`);
    expect(lines.slice(1).map(plain)).toEqual([
      `fail  ${visible}`,
      `name  ${visible}`,
      `a${' '.repeat(visible.length + 1)}b`,
      `${visible}  ${visible}`,
    ]);
  });

  it('prints nothing but text and our own colours, whatever it is', () => {
    const anything = fc.string({ unit: 'binary' });
    fc.assert(
      fc.property(anything, anything, fc.boolean(), (one, two, wraps) => {
        const lines = printed(40, wraps, (printer) => {
          printer.line(printer.dim(one) + two);
          printer.warn(one, two);
          printer.facts([['name', one]]);
          printer.table({ columns: [{ title: 'a' }, { title: 'b' }], rows: [[one, printer.bold(two)]] });
        });
        for (const line of lines) expect(plain(line)).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u);
      }),
    );
  });

  it('keeps the lines and tabs of a block', () => {
    expect(printed(40, true, (printer) => printer.block('a {\n\tb\r\n}'))).toEqual(['a {', '\tb\\x0d', '}']);
  });
});

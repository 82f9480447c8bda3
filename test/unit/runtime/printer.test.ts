import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Printer } from '../../../src/runtime/printer.js';
import { fill, visibleWidth, wrap } from '../../../src/runtime/wrap.js';

function printed(width: number, wraps: boolean, print: (printer: Printer) => void): string[] {
  let text = '';
  print(new Printer((part) => (text += part), { color: true, width, wraps }));
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
    printer.bad('Redis at 10.0.0.1:6379 did not\nanswer for a second or more'),
  );
  expect(lines.map(plain)).toEqual([
    'fail  Redis at 10.0.0.1:6379',
    '      did not',
    '      answer for a second or',
    '      more',
  ]);
});

describe('a text from elsewhere', () => {
  it('moves no cursor and renames no window, but keeps its words and our colours', () => {
    const [line] = printed(80, false, (printer) =>
      printer.bad(`${printer.green('key')} \x1b]0;owned\x07\x1b[2Jall\r is\x9b5A well\tö`),
    );
    expect(plain(line!)).toBe('fail  key ]0;owned[2Jall is5A well\tö');
    expect(line).toContain('\x1b[32mkey');
  });
});

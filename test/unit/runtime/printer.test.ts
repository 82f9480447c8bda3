import { execFileSync } from 'node:child_process';

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { Redactor } from '../../../src/lib/core/secrets/redactor.js';
import { Printer } from '../../../src/runtime/printer.js';
import type { Column } from '../../../src/runtime/table.js';
import { cutMiddle, fill, visibleWidth, wrap } from '../../../src/runtime/wrap.js';

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
        const titles = ['a', 'b', 'c'];
        // As a block, each row has the titles as its names.
        const isBlocks = !/^a +b +c$/.test(lines[0]!);
        const shown = cells.flatMap((row) => (isBlocks ? row.flatMap((cell, i) => [titles[i]!, cell]) : row));
        expect(lines.join(' ').split(/ +/).filter(Boolean)).toEqual(
          [...(isBlocks ? [] : titles), ...shown].join(' ').split(' '),
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

describe('a table with keys', () => {
  const columns: Column[] = [
    { title: 'key', cut: true },
    { title: 'share', optional: true },
    { title: 'keys', align: 'right' },
  ];
  const key = `meter:${'x'.repeat(2000)}:latest`;

  it('leaves out what is beside a number, then cuts keys in the middle, then is blocks', () => {
    const shown = (width: number) =>
      printed(width, true, (printer) =>
        printer.table({
          columns,
          rows: [
            ['meter:1', '█'.repeat(20), '3'],
            [key, '█', '12'],
          ],
        }),
      ).map(plain);
    expect(shown(60)).toEqual([
      `key${' '.repeat(31)}share${' '.repeat(17)}keys`,
      `meter:1${' '.repeat(25)}  ${'█'.repeat(20)}     3`,
      `meter:${'x'.repeat(10)}…${'x'.repeat(8)}:latest  █${' '.repeat(23)}12`,
    ]);
    expect(shown(30).map((line) => line.length)).toEqual([30, 30, 30]);
    expect(shown(16).join('\n')).toMatch(
      /^key {3}meter:1\nkeys {2}3\n\nkey {3}meter:x+…x+:latest\nkeys {2}12$/,
    );
  });

  it('is whole where a program reads it, and one long key does not push the other columns away', () => {
    const lines = printed(60, false, (printer) =>
      printer.table({
        columns,
        rows: [
          ['meter:1', '█', '3'],
          [key, '█', '12'],
        ],
      }),
    ).map(plain);
    expect(lines[1]).toBe('meter:1  █         3');
    expect(lines[2]).toContain(key);
  });

  it('keeps both ends of what it cuts', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', minLength: 1 }),
        fc.integer({ min: 3, max: 30 }),
        (text, width) => {
          const cut = cutMiddle(text, width);
          expect([...cut].length).toBe(Math.min(width, [...text].length));
          if (cut === text) return;
          const [start, end] = cut.split(/…(?=[^…]*$)/u);
          expect(text.startsWith(start!) && text.endsWith(end!)).toBe(true);
        },
      ),
    );
  });
});

describe('a command', () => {
  const flag = fc.tuple(
    fc.constantFrom('--pattern', '-f', '--all', '--confirm'),
    fc.constantFrom('', " 'a b:*'", ' x', ' x y'),
  );
  const command = fc
    .array(flag, { maxLength: 6 })
    .map((flags) => `metrify cache flush${flags.map(([name, value]) => ` ${name}${value}`).join('')}`);
  const words = (line: string) =>
    execFileSync('bash', ['-c', `metrify() { printf '%s\\0' "$@"; }\n${line}`], { encoding: 'utf8' });

  it('on lines of its own is the same for a shell as on one', () => {
    fc.assert(
      fc.property(command, fc.integer({ min: 20, max: 100 }), (line, width) => {
        const lines = printed(width, true, (printer) => printer.command(line)).map(plain);
        expect(words(lines.join('\n'))).toBe(words(line));
        for (const part of lines.slice(0, -1)) expect(part).toMatch(/ \\$/);
      }),
      { numRuns: 50 },
    );
  });

  it('in a sentence is on one line, or continued with backslashes', () => {
    fc.assert(
      fc.property(
        sentence,
        command,
        sentence,
        fc.integer({ min: 30, max: 80 }),
        (before, line, after, width) => {
          const lines = wrap(`${before} '${line}' ${after}.`, width);
          const text = lines.join('\n');
          expect(text.includes(`'${line}'`) || text.replaceAll(/ \\\n +/g, ' ').includes(`\n${line}\n`)).toBe(
            true,
          );
        },
      ),
    );
  });

  it('stands below what it does where there is no room beside it', () => {
    const commands = [{ command: 'metrify canary step web -f rollout.yaml', does: 'judges once' }];
    const shown = (width: number) => printed(width, true, (printer) => printer.commands(commands)).map(plain);
    expect(shown(60)).toEqual(['metrify canary step web -f rollout.yaml  judges once']);
    expect(shown(40)).toEqual(['# judges once', 'metrify canary step web -f rollout.yaml']);
    expect(shown(30)).toEqual(['# judges once', 'metrify canary step web \\', '  -f rollout.yaml']);
  });
});

it('a line, and a fact, are broken at words', () => {
  const lines = printed(24, true, (printer) => {
    printer.line(printer.dim('  one two three four five six'));
    printer.facts([
      ['a name', 'one two three four five six'],
      ['b', 'x'],
    ]);
  });
  expect(lines.map(plain)).toEqual([
    '  one two three four',
    '  five six',
    'a name',
    '    one two three four',
    '    five six',
    'b       x',
  ]);
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

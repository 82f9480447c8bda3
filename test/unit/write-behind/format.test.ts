import fc from 'fast-check';
import { expect, test } from 'vitest';

import { partitionOf, versionOf } from '../../../src/lib/cache/write-behind/keys.js';
import {
  isOperationId,
  newOperationId,
  timeOfOperation,
} from '../../../src/lib/cache/write-behind/operation-id.js';
import { encodeRow, type Row } from '../../../src/lib/cache/write-behind/row-text.js';
import { planStatements } from '../../../src/lib/cache/write-behind/statements.js';
import { RowKinds } from '../../../src/lib/cache/write-behind/row-kinds.js';
import { toBytes } from '../../../src/lib/core/bytes.js';
import { parseEntry, type QueueEntry } from '../../../src/lib/cache/write-behind/entry.js';
import { findGaps } from '../../../src/lib/cache/write-behind/loss.js';
import { scaled } from '../../scale.js';

const rowText = (row: Row) => encodeRow(row).text;

test('versions are in the order of stream ids', () => {
  const part = fc.nat({ max: 2 ** 40 });
  const seq = fc.nat({ max: 2 ** 20 - 1 });
  fc.assert(
    fc.property(part, seq, part, seq, (ms1, seq1, ms2, seq2) => {
      const order = Math.sign(ms1 - ms2 || seq1 - seq2);
      const [a, b] = [versionOf(`${ms1}-${seq1}`), versionOf(`${ms2}-${seq2}`)];
      expect(a < b ? -1 : a > b ? 1 : 0).toBe(order);
    }),
  );
});

test('partitions are part of the format: these keys stay where they are', () => {
  // FNV-1a of the reference implementation: '' 0x811c9dc5, 'a' 0xe40c292c, 'foobar' 0xbf9cf968.
  expect(['', 'a', 'foobar'].map((key) => partitionOf(toBytes(key), 1 << 16))).toEqual([
    0x9dc5, 0x292c, 0xf968,
  ]);
});

test('operation ids are UUIDs of version 7 that begin with the time', () => {
  const id = newOperationId(1_700_000_000_123);
  expect(id).toMatch(/^018bcfe5-687b-7[0-9a-f]{3}-[89ab]/);
  expect(isOperationId(id)).toBe(true);
  expect(timeOfOperation(id)).toBe(1_700_000_000_123);
  expect(isOperationId(`${id}'`)).toBe(false);
});

test('a row that JSON can express is written as JSON.stringify does', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ minLength: 1 }), fc.jsonValue()), (row) => {
      fc.pre(Object.keys(row).join() !== 'json' && !Object.hasOwn(row, '__proto__'));
      expect(JSON.parse(rowText(row))).toEqual(JSON.parse(JSON.stringify(row)));
    }),
  );
});

test('a row keeps what JSON.stringify would lose', () => {
  expect(
    rowText({
      big: 2n ** 64n,
      nan: Number.NaN,
      low: -Infinity,
      at: new Date(0),
      none: undefined,
      gone: null,
    }),
  ).toBe(
    '{"big":18446744073709551616,"nan":"NaN","low":"-Infinity","at":"1970-01-01T00:00:00.000Z","gone":null}',
  );
  expect(rowText({ bytes: Uint8Array.of(1, 255), deep: { n: [1n, undefined] } })).toBe(
    String.raw`{"bytes":"\\x01ff","deep":{"n":[1,null]}}`,
  );
  expect(rowText({ json: '{"n":1.10000000000000000000000001}' })).toBe('{"n":1.10000000000000000000000001}');
  for (const json of ['[]', 'null', '1', '{', '{"a":1},{"b":2}'])
    expect(() => rowText({ json })).toThrow('must be a JSON object');
});

test('entries of one key never share a round, except inserts, and keep their order', () => {
  const tables = { t: { key: ['id'] }, 'a"b': { key: ['id'] } };
  const write = fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    table: fc.constantFrom('t', 'a"b'),
    operation: fc.constantFrom('insert', 'upsert', 'update', 'delete'),
  });
  fc.assert(
    fc.property(fc.array(write, { maxLength: 30 }), (writes) => {
      const entries = writes.map(({ key, table, operation }, i): QueueEntry => {
        const fields = [
          'do',
          `${newOperationId()} ${operation} ${table}`,
          'key',
          key,
          'row',
          '{"id":1,"v":2}',
        ];
        const parsed = parseEntry([toBytes(`${i + 1}-0`), fields.map(toBytes)]);
        if (!('entry' in parsed)) throw new Error(parsed.bad.reason);
        return parsed.entry;
      });
      const groups = planStatements(tables, entries);
      expect(groups.flatMap((group) => group.entries)).toHaveLength(entries.length);
      for (const group of groups) {
        expect(new Set(group.entries.map(({ shape }) => shape)).size).toBe(1);
        if (group.entries[0]!.operation !== 'insert')
          expect(new Set(group.entries.map(({ key }) => key)).size).toBe(group.entries.length);
      }
      for (const key of ['a', 'b', 'c'])
        expect(groups.flatMap((group) => group.entries.filter((entry) => entry.key === key))).toEqual(
          entries.filter((entry) => entry.key === key),
        );
    }),
  );
});

test('a row known by its pattern is read as one that is parsed, and no broken one passes', () => {
  const value = fc.oneof(fc.jsonValue({ maxDepth: 1 }), fc.string(), fc.double(), fc.constant('\u0000"\\'));
  const name = fc.constantFrom('a', 'b', 'größe', 'x"y', 'p.q*', '__proto__', '1');
  const text = fc
    .array(fc.tuple(name, value), { minLength: 1, maxLength: 3 })
    .map(
      (members) => `{${members.map(([key, v]) => `${JSON.stringify(key)}:${JSON.stringify(v)}`).join(',')}}`,
    );
  const broken = fc
    .tuple(text, fc.nat(), fc.constantFrom('', '"', ',', '}', '\\', '0', '\n', '{"a":1}', '-', '.', 'e'))
    .map(([row, at, insert]) => {
      const place = at % (row.length + 1);
      return row.slice(0, place) + insert + row.slice(place + (insert === '' ? 1 : 0));
    });
  const op = newOperationId();
  fc.assert(
    fc.property(fc.array(fc.oneof(text, broken), { minLength: 2, maxLength: 20 }), (rows) => {
      const kinds = new RowKinds();
      for (const row of rows) {
        const fields = ['n', '1', 'do', `${op} insert t`, 'key', 'k', 'row'].map(toBytes);
        const reply = [toBytes('1-1'), [...fields, toBytes(row)]];
        expect(parseEntry(reply, kinds)).toEqual(parseEntry(reply));
      }
    }),
    { numRuns: scaled(500) },
  );
});

test('gaps are what was taken out, and nothing else', () => {
  fc.assert(
    fc.property(fc.nat(20), fc.array(fc.boolean(), { maxLength: 30 }), (settled, present) => {
      const numbers = present.flatMap((there, i) => (there ? [settled + 1 + i] : []));
      const items = numbers.map((number) => ({
        held: false,
        bad: { id: toBytes('1-0'), number, key: toBytes('k'), reason: '' },
      }));
      const counter = settled + present.length;
      const missing = findGaps({ from: 'S', items, counter }, settled).reduce(
        (sum, gap) => sum + gap.entries,
        0,
      );
      // Behind the last entry that is there more may follow on the next look.
      const last = numbers.length === 0 ? counter : numbers.at(-1)!;
      expect(missing).toBe(last - settled - numbers.length);
    }),
  );
});

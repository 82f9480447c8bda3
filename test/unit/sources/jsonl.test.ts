import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromBytes, toBytes } from '../../../src/lib/core/bytes.js';
import { eachMember, memberText, stringText } from '../../../src/lib/sources/json-members.js';
import { openChunks, openFile, readAll } from './files.js';
import { scaled } from '../../scale.js';

describe('top-level members', () => {
  const space = fc.constantFrom('', '', ' ', '\t', '  ', ' \n\r');
  /** JSON text with white space and escapes wherever they may be. */
  const text = (depth: number): fc.Arbitrary<string> => {
    const escaped = fc
      .string({
        unit: fc.constantFrom('a', '"', '\\', '/', '\n', '{', '}', '[', ',', ':', 'é', '😀', '\u0001'),
        maxLength: 6,
      })
      .chain((value) =>
        fc
          .boolean()
          .map((all) =>
            all
              ? `"${[...Array(value.length).keys()].map((i) => `\\u${value.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`
              : JSON.stringify(value),
          ),
      );
    const scalar = fc.oneof(
      escaped,
      fc.constantFrom(
        'null',
        'true',
        'false',
        '0',
        '-0.50',
        '1e400',
        '12345678901234567890.123456789012345678',
        '""',
      ),
    );
    if (depth === 0) return scalar;
    const padded = (inner: fc.Arbitrary<string>) =>
      fc.tuple(space, inner, space).map((parts) => parts.join(''));
    const list = (open: string, item: fc.Arbitrary<string>, close: string) =>
      fc
        .tuple(fc.array(item, { maxLength: 4 }), space)
        .map(([items, s]) => `${open}${items.length ? items.join(',') : s}${close}`);
    const member = fc
      .tuple(padded(escaped), padded(text(depth - 1)))
      .map(([name, value]) => `${name}:${value}`);
    return fc.oneof(scalar, list('[', padded(text(depth - 1)), ']'), list('{', member, '}'));
  };
  const object = text(3).filter((json) => json.startsWith('{'));

  test('are those that JSON.parse finds, and nothing of a number is lost', () => {
    fc.assert(
      fc.property(object, (json) => {
        const members = new Map<string, { raw: string; text: string | null }>();
        eachMember(toBytes(json), (name, raw) => {
          const value = memberText(raw);
          members.set(fromBytes(stringText(name)), {
            raw: fromBytes(raw),
            text: value === null ? null : fromBytes(value),
          });
        });
        const parsed = JSON.parse(json) as Record<string, unknown>;
        expect(new Set(members.keys())).toEqual(new Set(Object.keys(parsed)));
        for (const [name, { raw, text: found }] of members) {
          const value = parsed[name];
          expect(json).toContain(raw);
          expect(JSON.parse(raw)).toEqual(value);
          if (typeof value === 'string') expect(found).toBe(Buffer.from(value).toString());
          else if (value === null) expect(found).toBeNull();
          else expect(found).toBe(raw);
        }
      }),
      { numRuns: scaled(2000) },
    );
  });
});

describe('JSON lines', () => {
  const lines = [
    '{"id": 1, "kwh": 12345678901234567890.123456789012345678, "name": "\\u00e9\\n", "at": null, "x": {"a": [1, 2]}}',
    '',
    '  {"id":2,"kwh":-0.00,"name":"日😀","id":3,"more":true}\t',
    '{"10":1,"2":2}',
  ];

  test('are handed on as they stand', async () => {
    const source = await openFile(`\ufeff${lines.join('\r\n')}\n`, 'jsonl');
    expect(source.columns.map(({ name }) => name)).toEqual(['id', 'kwh', 'name', 'at', 'x']);
    const { json, rows, lines: numbers } = await readAll(source);
    expect(json).toEqual([lines[0], lines[2]!.trim(), lines[3]]);
    expect(numbers).toEqual([1, 3, 4]);
    const texts = (name: string) =>
      rows.map((row) => source.column(name)(row)).map((t) => (t === null ? null : fromBytes(t)));
    expect(texts('id')).toEqual(['1', '3', null]);
    expect(texts('kwh')).toEqual(['12345678901234567890.123456789012345678', '-0.00', null]);
    expect(texts('name')).toEqual(['é\n', '日😀', null]);
    expect(texts('at')).toEqual([null, null, null]);
    expect(texts('x')).toEqual(['{"a": [1, 2]}', null, null]);
    expect(() => source.column('more')).toThrow(
      expect.objectContaining({ code: 'COLUMN_MISSING', exitCode: 2 }),
    );
    expect(rows.map((row) => source.fields(row).map(fromBytes))).toEqual([
      ['id', '1', 'kwh', '12345678901234567890.123456789012345678', 'name', 'é\n', 'x', '{"a": [1, 2]}'],
      ['id', '3', 'kwh', '-0.00', 'name', '日😀', 'more', 'true'],
      ['10', '1', '2', '2'],
    ]);
  });

  test('are the same wherever the stream is cut', async () => {
    const bytes = Buffer.from(lines.join('\n'));
    for (let cut = 1; cut < bytes.length; cut++) {
      const { json, lines: numbers } = await readAll(
        await openChunks(bytes.subarray(0, cut), bytes.subarray(cut)),
      );
      expect(json).toEqual([lines[0], lines[2]!.trim(), lines[3]]);
      expect(numbers).toEqual([1, 3, 4]);
    }
  });

  test('find names however they are escaped', async () => {
    const source = await openFile('{"é\\"n":1}\n{"\\u00e9\\u0022n":2}\n', 'ndjson');
    expect(source.columns.map(({ name }) => name)).toEqual(['é"n']);
    const { rows } = await readAll(source);
    expect(rows.map(source.column('é"n'))).toEqual(['1', '2']);
  });

  test('that are malformed are rejected by number', async () => {
    const content = Buffer.concat([
      Buffer.from('nonsense\n{"a":1}\n{"a":\n[1]\n"text"\n{"a":1}{"a":2}\n\u00a0{"a":3}\n{"a":"'),
      Buffer.from([0xff]),
      Buffer.from('"}\n{"a":4}'),
    ]);
    const { json, rejected, lines: numbers } = await readAll(await openFile(content, 'jsonl'));
    expect(json).toEqual(['{"a":1}', '{"a":4}']);
    expect(numbers).toEqual([2, 9]);
    expect(rejected.map(({ line, reason }) => `${line} ${reason}`)).toEqual([
      '1 not JSON',
      '3 not JSON',
      '4 not a JSON object',
      '5 not a JSON object',
      '6 not JSON',
      '7 not JSON',
      '8 not UTF-8',
    ]);
  });

  test('resume where a batch ended', async () => {
    const source = await openFile(Array.from({ length: 20_000 }, (_, i) => `{"n":${i}}`).join('\n'), 'jsonl');
    const whole = await readAll(source, { fingerprint: true });
    const { position } = whole.batches[1]!;
    expect(position.sha256).toMatch(/^[0-9a-f]{64}$/);
    const rest = await readAll(source, { from: position, fingerprint: true });
    expect(rest.json).toEqual(whole.json.slice(position.rows));
    expect(rest.batches.at(-1)!.position).toEqual(whole.batches.at(-1)!.position);
    expect(whole.batches.at(-1)!.position.sha256).toBe(
      createHash('sha256').update(whole.json.join('\n')).digest('hex'),
    );
  });

  test('are told from CSV by their first character where the name says nothing', async () => {
    expect((await openFile(' \n{"a":1}\n', 'txt')).columns.map(({ name }) => name)).toEqual(['a']);
    expect((await openFile('a,b\n', 'txt')).columns.map(({ name }) => name)).toEqual(['a', 'b']);
    expect((await openChunks('\n', '\n', '{"a"', ':1}\n')).columns.map(({ name }) => name)).toEqual(['a']);
  });

  test.each(['', '\n\n', 'nothing\n[1]\n', '[\n{"a":1\n}\n]'])('%j holds no document', async (content) => {
    await expect(openFile(content, 'jsonl')).rejects.toEqual(
      expect.objectContaining({ exitCode: 2, code: content === '' ? 'INPUT_EMPTY' : 'DOCUMENT_MISSING' }),
    );
  });
});

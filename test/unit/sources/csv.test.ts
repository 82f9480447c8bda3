import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { file, openChunks, openFile, openPath, readAll } from './files.js';

const valuesOf = (json: string[]) =>
  json.map((line) => Object.values(JSON.parse(line) as Record<string, string>));

describe('CSV', () => {
  test('gives strings, empty and null as documented', async () => {
    const source = await openFile('meter_id,ts,kwh\n17,2026-11-22T16:30:00Z,1.250\n18,,""\n');
    expect(source.columns.map(({ name }) => name)).toEqual(['meter_id', 'ts', 'kwh']);
    const { json, rows, lines } = await readAll(source);
    expect(json).toEqual([
      '{"meter_id":"17","ts":"2026-11-22T16:30:00Z","kwh":"1.250"}',
      '{"meter_id":"18","ts":"","kwh":""}',
    ]);
    expect(lines).toEqual([2, 3]);
    expect(rows.map(source.column('ts'))).toEqual(['2026-11-22T16:30:00Z', null]);
    expect(rows.map(source.fields)).toEqual([
      ['meter_id', '17', 'ts', '2026-11-22T16:30:00Z', 'kwh', '1.250'],
      ['meter_id', '18'],
    ]);
    expect(() => source.column('kw')).toThrow(
      expect.objectContaining({ code: 'COLUMN_MISSING', exitCode: 2, hint: 'It has: meter_id, ts, kwh.' }),
    );
  });

  const awkward =
    '\ufeffid;"the ""name""";text\r\n\r\n1;a;"x;\r\ny"\r\n2;é日😀;"say ""hi"""\r\n\r\n3;5" pipe;"\n\n"\r\n4;;';
  const awkwardRows = [
    ['1', 'a', 'x;\r\ny'],
    ['2', 'é日😀', 'say "hi"'],
    ['3', '5" pipe', '\n\n'],
    ['4', '', ''],
  ];

  test('reads quotes, line breaks in fields, CRLF, a byte order mark and blank lines', async () => {
    const source = await openFile(awkward);
    expect(source.columns.map(({ name }) => name)).toEqual(['id', 'the "name"', 'text']);
    const { json, lines, rejected } = await readAll(source);
    expect(valuesOf(json)).toEqual(awkwardRows);
    expect(lines).toEqual([3, 5, 7, 10]);
    expect(rejected).toEqual([]);
  });

  test('is the same wherever the stream is cut', async () => {
    const bytes = Buffer.from(awkward);
    for (let cut = 1; cut < bytes.length; cut++) {
      const source = await openChunks(bytes.subarray(0, cut), bytes.subarray(cut));
      const { json, lines, batches } = await readAll(source);
      expect(valuesOf(json)).toEqual(awkwardRows);
      expect(lines).toEqual([3, 5, 7, 10]);
      expect(batches.at(-1)!.position).toEqual({ rows: 4, offset: bytes.length, line: 10 });
    }
    const source = await openChunks(...[...bytes].map((byte) => Buffer.from([byte])));
    expect(valuesOf((await readAll(source)).json)).toEqual(awkwardRows);
  });

  test.each([
    ['a,b', ','],
    ['a;b,c;d', ';'],
    ['a\tb', '\t'],
    ['"a,b,c";d', ';'],
  ])('finds the delimiter of %j', async (header, delimiter) => {
    const width = header === 'a;b,c;d' ? 3 : 2;
    const source = await openFile(`${header}\n${Array(width).fill('x').join(delimiter)}\n`);
    expect(source.columns).toHaveLength(width);
    expect((await readAll(source)).rows).toHaveLength(1);
  });

  test('rejects malformed lines by number and continues', async () => {
    const source = await openFile(
      Buffer.concat([
        Buffer.from('a,b\n1,2\n3\n4,5,6\n"x"y,1\n"never closed,2\n7,8\n'),
        Buffer.from([0x39, 0x2c, 0xff, 0xfe, 0x0a]),
        Buffer.from('"multi\nline",1,2\nlast,"é"\n"open,1'),
      ]),
    );
    const { json, rejected, lines, batches } = await readAll(source);
    expect(valuesOf(json)).toEqual([
      ['1', '2'],
      ['7', '8'],
      ['last', 'é'],
    ]);
    expect(lines).toEqual([2, 7, 11]);
    expect(rejected).toEqual([
      { line: 3, reason: '1 field where the header has 2', text: '3' },
      { line: 4, reason: '3 fields where the header has 2', text: '4,5,6' },
      { line: 5, reason: 'a closing quote is followed by more text', text: '"x"y,1' },
      { line: 6, reason: 'a closing quote is followed by more text', text: '"never closed,2' },
      { line: 8, reason: 'not UTF-8', text: '9,\xff\xfe' },
      { line: 9, reason: '3 fields where the header has 2', text: '"multi\nline",1,2' },
      { line: 12, reason: 'a quote is opened and not closed', text: '"open,1' },
    ]);
    expect(batches.at(-1)!.position.rows).toBe(10);
  });

  test('a quote that is never closed costs one line, however long the rest is', async () => {
    const rest = Array.from({ length: 120_000 }, (_, i) => `${i},some text of a row`).join('\n');
    const { rows, rejected } = await readAll(await openFile(`a,b\n"oops,1\n${rest}\n`));
    expect(rejected.map(({ line, reason }) => [line, reason])).toEqual([
      [2, 'a quote is opened and not closed'],
    ]);
    expect(rows).toHaveLength(120_000);
  });

  test('a field larger than the buffer is read whole', async () => {
    const large = 'é"\n,'.repeat(200_000);
    const { json } = await readAll(
      await openFile(`a,b\n"${large.slice(0, 400_000).replaceAll('"', '""')}",1\n2,3\n`),
    );
    expect(valuesOf(json)).toEqual([
      [large.slice(0, 400_000), '1'],
      ['2', '3'],
    ]);
    const line = 'x'.repeat(1_500_000);
    expect(valuesOf((await readAll(await openFile(`a\n${line}\nb\n`))).json)).toEqual([[line], ['b']]);
  });

  test('hands out a few thousand rows at a time, whatever their length', async () => {
    const source = await openFile(`a\n${'1\n'.repeat(50_000)}`);
    const { batches, rows } = await readAll(source);
    expect(rows).toHaveLength(50_000);
    for (const batch of batches) expect(batch.rows.length).toBeLessThanOrEqual(5000);
    expect(source.estimatedRows).toBe(50_000);
  });

  test('continues from any position, and its hash is that of the prefix', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) =>
      i % 7 === 0 ? `${i},"a\n""b""",é` : i % 11 === 0 ? `${i}` : `${i},b,c`,
    );
    const path = file(`x,y,z\r\n${rows.join('\r\n')}`);
    const source = await openPath(path);
    const whole = await readAll(source, { fingerprint: true });
    expect(whole.batches.length).toBeGreaterThan(3);
    let seen = 0;
    let refused = 0;
    for (const { position, rows: delivered, rejected } of whole.batches) {
      seen += delivered.length;
      refused += rejected.length;
      const prefix = readFileSync(path).subarray(0, position.offset);
      expect(position.sha256).toBe(createHash('sha256').update(prefix).digest('hex'));
      expect(position.line).toBe(
        prefix.toString().split('\n').length - (position.offset === readFileSync(path).length ? 0 : 1),
      );
      const rest = await readAll(source, { from: position, fingerprint: true });
      expect(rest.json).toEqual(whole.json.slice(seen));
      expect(rest.lines).toEqual(whole.lines.slice(seen));
      expect(rest.rejected).toEqual(whole.rejected.slice(refused));
      expect(rest.batches.at(-1)?.position ?? position).toEqual(whole.batches.at(-1)!.position);
    }
  });

  test('a changed or shorter prefix is refused with exit 4; lines added behind it are read', async () => {
    const path = file(`a,b\n${'1,2\n'.repeat(10_000)}`);
    const source = await openPath(path);
    const { position } = (await readAll(source, { fingerprint: true })).batches[0]!;
    const mismatch = expect.objectContaining({ code: 'CHECKPOINT_MISMATCH', exitCode: 4 });
    appendFileSync(path, '3,4\n');
    // Each time as a run that continues does.
    const again = async () => readAll(await openPath(path), { from: position });
    expect((await again()).rows).toHaveLength(10_001 - position.rows);
    writeFileSync(path, readFileSync(path, 'utf8').replace('1,2', '1,3'));
    await expect(again()).rejects.toEqual(mismatch);
    writeFileSync(path, 'a,b\n1,2\n');
    await expect(again()).rejects.toEqual(mismatch);
  });

  test.each([
    ['an empty file', '', 'INPUT_EMPTY'],
    ['a file of blank lines', '\n\r\n\n', 'INPUT_EMPTY'],
    ['two columns of one name', 'a,b,a\n', 'COLUMN_DUPLICATE'],
    ['a column without a name', 'a,,b\n', 'HEADER_INVALID'],
    ['a malformed header', '"a"b,c\n1,2\n', 'HEADER_INVALID'],
    ['gzip', Buffer.from([0x1f, 0x8b, 8, 0, 0, 0]), 'HEADER_INVALID'],
    ['UTF-16', Buffer.from('\ufeffa,b\n', 'utf16le'), 'HEADER_INVALID'],
    ['a header that is no UTF-8', Buffer.from([0x61, 0x2c, 0xff, 0x0a]), 'HEADER_INVALID'],
  ])('%s is refused', async (_, content, code) => {
    await expect(openFile(content)).rejects.toEqual(expect.objectContaining({ code, exitCode: 2 }));
  });

  test('a missing file and a directory are refused', async () => {
    const unreadable = expect.objectContaining({ code: 'INPUT_UNREADABLE', exitCode: 2 });
    await expect(openPath('/nonexistent/x.csv')).rejects.toEqual(unreadable);
    const folder = `${file('')}.d.csv`;
    mkdirSync(folder);
    await expect(openPath(folder)).rejects.toEqual(unreadable);
  });

  test('a header without rows, and without a line feed, is a file of no rows', async () => {
    expect((await readAll(await openFile('a,b'))).rows).toEqual([]);
    expect((await readAll(await openFile('a,b\r\n'))).rows).toEqual([]);
  });

  test('agrees with Python’s csv module', async () => {
    const field = fc.oneof(
      fc.stringMatching(/^[a-z0-9 .:-]{0,8}$/),
      fc.string({
        unit: fc.constantFrom('a', '"', ',', ';', '\n', '\r\n', 'é', '😀', ' ', '\\', '\t'),
        maxLength: 6,
      }),
    );
    const shape = fc.record({
      crlf: fc.boolean(),
      quoteAll: fc.boolean(),
      rows: fc
        .integer({ min: 2, max: 4 })
        .chain((width) =>
          fc.array(fc.array(field, { minLength: width, maxLength: width }), { maxLength: 12 }),
        ),
      finalNewline: fc.boolean(),
    });
    const files = fc
      .sample(shape, { numRuns: 200, seed: 7 })
      .map(({ rows, crlf, quoteAll, finalNewline }) => {
        const width = rows[0]?.length ?? 2;
        const header = Array.from({ length: width }, (_, i) => `c${i}`);
        const end = crlf ? '\r\n' : '\n';
        const write = (text: string) =>
          quoteAll || /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
        const lines = [header, ...rows].map((row) => row.map(write).join(','));
        return lines.join(end) + (finalNewline ? end : '');
      });
    const oracle = JSON.parse(
      execFileSync(
        'python3',
        [
          '-c',
          'import csv,io,json,sys\nprint(json.dumps([list(csv.reader(io.StringIO(t, newline=""), strict=True)) for t in json.load(sys.stdin)]))',
        ],
        { input: JSON.stringify(files), encoding: 'utf8' },
      ),
    ) as string[][][];
    for (const [i, content] of files.entries()) {
      const { json, rejected } = await readAll(await openChunks(content));
      expect(rejected).toEqual([]);
      expect(valuesOf(json)).toEqual(oracle[i]!.slice(1).filter((row) => row.length > 0));
    }
  });

  test('is read once from standard input, and not resumed', async () => {
    const source = await openChunks('a,b\n1,2\n');
    expect(source).toMatchObject({ rereadable: false, identity: { kind: 'stdin' }, label: 'standard input' });
    await expect(readAll(source, { from: { rows: 1, offset: 8, line: 2 } })).rejects.toEqual(
      expect.objectContaining({ code: 'RESUME_UNSUPPORTED', exitCode: 2 }),
    );
    const { batches } = await readAll(source, { fingerprint: true });
    expect(batches[0]!.position.sha256).toBe(createHash('sha256').update('a,b\n1,2\n').digest('hex'));
  });

  test('an abort ends a wait for standard input', async () => {
    const { PassThrough } = await import('node:stream');
    const { openStdinSource } = await import('../../../src/lib/sources/open.js');
    const stream = new PassThrough();
    stream.write('a,b\n1,2\n');
    const source = await openStdinSource(stream);
    const controller = new AbortController();
    const reason = new Error('stop');
    const rows: unknown[] = [];
    const reading = (async () => {
      for await (const batch of source.batches({ signal: controller.signal })) {
        rows.push(...batch.rows);
        setTimeout(() => controller.abort(reason), 20);
      }
    })();
    await expect(reading).rejects.toBe(reason);
    expect(rows).toHaveLength(1); // what was there came before the wait
    await source.close();
    expect(stream.destroyed).toBe(true);
  });
});

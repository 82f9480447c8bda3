import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { fromBytes, toBytes, type ByteString } from '../../../src/lib/core/bytes.js';
import { canonical } from '../../../src/lib/search/canonical.js';
import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';
import { needs } from '../../servers/needs.js';
import { operation, PortUnderTest, statuses } from './contract/port-under-test.js';
import { createIndex } from './index-fixture.js';

/* A core whose documents are its fields, without one that keeps them whole. */
needs('search')('a Solr core without a source field', () => {
  const port = new PortUnderTest('solr-9');
  const { signal } = port;
  let core: string;
  beforeAll(async () => {
    await port.start();
    core = await createIndex(
      port.server,
      'values',
      { i: 'int', l: 'long', d: 'double', t: 'date', s: 'keyword', place: 'place' },
      [
        { name: 'f', type: 'pfloat' },
        { name: 'copied', type: 'strings' },
        { name: 'tags', type: 'strings' },
        { name: 'yes', type: 'boolean' },
      ],
    );
    await fetch(`${port.server.url}/${core}/schema`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ 'add-copy-field': { source: 's', dest: 'copied' } }),
    });
  });
  afterAll(() => port.stop());

  const index = async (source: string) => {
    const outcomes = await port.write(core, operation('index', 'a', source));
    const [held] = await port.sources(core, ['a']);
    return { outcome: outcomes[0]!, held };
  };

  test('a number is kept as it was given, or refused', async () => {
    const { seed } = replayable('numbers for Solr');
    const digits = (max: number) => fc.stringMatching(new RegExp(`^[1-9][0-9]{0,${max}}$`));
    const number = fc.oneof(
      fc.constantFrom(
        '0',
        '-0',
        '1.0',
        '1e3',
        '-1.50',
        '2147483647',
        '2147483648',
        '-2147483649',
        '1e400',
        '1e-400',
      ),
      fc.constantFrom('9223372036854775807', '9223372036854775808', '9007199254740993', '16777217', '0.1'),
      digits(30),
      fc
        .tuple(fc.constantFrom('', '-'), digits(8), digits(12))
        .map(([sign, whole, part]) => `${sign}${whole}.${part}`),
      fc.tuple(digits(3), fc.integer({ min: -50, max: 50 })).map(([whole, power]) => `${whole}e${power}`),
    );
    const id = toBytes('n');
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('i', 'l', 'f', 'd'), number, async (field, value) => {
        const source = `{"${field}":${value}}` as ByteString;
        const [outcome] = await port.engine.bulk({ index: core }, [{ kind: 'index', id, source }], signal);
        if (outcome!.kind === 'rejected') {
          refused++;
          expect(outcome).toMatchObject({ status: 400 });
          // What JavaScript holds exactly, and the field too, must not be refused.
          if (field === 'd') expect(Math.abs(Number(value)) < 1e-300 || !sameDigits(value)).toBe(true);
          return;
        }
        const [held] = await port.engine.read(core, [{ id }], signal);
        expect(valueOf(canonical(held!.source), field)).toBe(valueOf(canonical(source), field));
      }),
      { seed, numRuns: scaled(150) },
    );
    expect(refused).toBeGreaterThan(10);
  });

  test('what Solr would make another document of is refused', async () => {
    for (const source of [
      '{"s":{"set":"q"}}',
      '{"tags":[{"id":"x"}]}',
      '{"tags":[["a","b"],"c"]}',
      '{"tags":["a",null]}',
      '{"t":"NOW/DAY+1DAY"}',
      '{"t":"2026-01-01T00:00:00.1234567Z"}',
      '{"d":"1e400"}',
      '{"_version_":5}',
      '{"_childDocuments_":[{"id":"x"}]}',
      '{"copied":["x"]}',
      '{"id":"b"}',
      '{"place":{"lat":1,"lon":2}}',
      // Of fields that the schema does not have, Solr guesses the type.
      '{"unknown":"0015"}',
      '{"unknown":15}',
      '{"unknown":["a"]}',
      // Texts of its own of numbers, and what it takes for a number or for true.
      '{"s":0.10}',
      '{"s":1e2}',
      '{"s":-0}',
      '{"s":12345678.5}',
      '{"s":0.0001}',
      '{"tags":["a",1.50]}',
      '{"s":""}',
      '{"tags":["a",""]}',
      '{"yes":"1"}',
      '{"yes":1}',
      '{"yes":"tx"}',
      '{"l":"\u0663"}',
      '{"l":"1,000"}',
      '{"d":"\u221e"}',
      '{"t":"12026-01-01T00:00:00Z"}',
    ])
      expect((await index(source)).outcome, source).toMatchObject({ kind: 'rejected', status: 400 });
    await port.engine.refresh(core, signal);
    expect(await port.engine.count(core, signal, 'id:(a b x)')).toBe(0);
  });

  test('what is kept comes back, without copies and fields of Solr', async () => {
    const source =
      '{"s":"{!x} \\"ü\\" ${s}","tags":["a","b"],"l":-6078848508545849313,"t":"2026-01-01T00:00:00.120Z","place":"50.1,8.6","id":"a"}';
    const { outcome, held } = await index(source);
    expect(outcome).toEqual({ kind: 'done' });
    expect(held).toContain('-6078848508545849313');
    const { t, ...rest } = JSON.parse(held!) as { readonly t: string };
    expect(new Date(t)).toEqual(new Date('2026-01-01T00:00:00.120Z'));
    const { t: _, ...given } = JSON.parse(source) as { readonly t: string };
    expect(rest).toEqual(given);
    const changed = await port.write(core, operation('update', 'a', '{"s":null,"l":9007199254740993}'));
    expect(statuses(changed)).toEqual(['done']);
    const [after] = await port.sources(core, ['a']);
    expect(after).toContain('9007199254740993');
    expect(Object.keys(JSON.parse(after!) as object).sort()).toEqual(['id', 'l', 'place', 't', 'tags']);
    expect(statuses(await port.write(core, operation('update', 'nobody', '{"l":1}')))).toEqual([404]);
  });

  test('how a document comes back is known beforehand', async () => {
    const { seed } = replayable('documents for Solr');
    // The chain of Solr's own configset leaves empty texts out.
    const text = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 8 })
      .filter((one) => Buffer.from(one).toString() === one);
    const document = fc.record(
      {
        s: fc.oneof(
          text,
          fc.integer(),
          fc.integer({ min: 1000, max: 9_999_999_999 }).map((n) => n / 1000),
          fc.boolean(),
          fc.constant(null),
        ),
        yes: fc.oneof(fc.boolean(), fc.constantFrom('true', 'false')),
        tags: fc.oneof(text, fc.array(text, { maxLength: 3 })),
        l: fc.oneof(
          fc.integer(),
          fc.integer().map(String),
          fc.nat().map((n) => `+00${n}`),
        ),
        d: fc.oneof(
          fc
            .double({ noNaN: true, noDefaultInfinity: true })
            .filter((one) => one === 0 || Math.abs(one) > 1e-300),
          fc.constantFrom(1, '+.50', '07.', '-00.5e+03'),
        ),
        t: fc
          .date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true })
          .map((date) => date.toISOString()),
        place: fc.tuple(fc.integer({ min: -90, max: 90 }), fc.integer({ min: -180, max: 180 })).map(String),
        id: fc.constant('f'),
      },
      { requiredKeys: [] },
    );
    const form = (await port.engine.heldForm!(core, signal))!;
    const id = toBytes('f');
    await fc.assert(
      fc.asyncProperty(document, async (given) => {
        const source = toBytes(JSON.stringify(given));
        expect(await port.engine.bulk({ index: core }, [{ kind: 'index', id, source }], signal)).toEqual([
          { kind: 'done' },
        ]);
        const [held] = await port.engine.read(core, [{ id }], signal);
        expect(canonical(form(id, source))).toBe(canonical(held!.source));
      }),
      { seed, numRuns: scaled(60) },
    );
  });

  test('what cannot be kept at all is refused at once', async () => {
    await expect(port.write(core, operation('index', 'a', '{}', '5'))).rejects.toMatchObject({
      code: 'NO_EXTERNAL_VERSIONS',
      exitCode: 2,
    });
    const routed = { ...operation('index', 'a', '{}'), routing: toBytes('r') };
    await expect(port.write(core, routed)).rejects.toMatchObject({ code: 'NO_ROUTING', exitCode: 2 });
  });
});

function sameDigits(value: string): boolean {
  return canonical(String(Number(value)) as ByteString) === canonical(value as ByteString);
}

function valueOf(canonicalForm: ByteString, field: string): string | undefined {
  return new RegExp(`"${field}":([^,}]*)`).exec(fromBytes(canonicalForm))?.[1];
}

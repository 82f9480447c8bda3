import { createHash } from 'node:crypto';

import fc from 'fast-check';

import type { LakeValue } from '../../servers/lake.js';

/** A type of PostgreSQL, how values of it are written in SQL, and what each is, in the form in which readers are asked. */
export interface SqlType {
  readonly name: string;
  /** Expressions without NULL. */
  readonly literal: fc.Arbitrary<string>;
  /** SQL of a value's jsonb. */
  plain(value: string): string;
  /** Whether it is a number of floating point, which may be printed in several ways. */
  readonly isFloat?: boolean;
  /** Whether only PostgreSQL makes text of it, so that an array of records with it is one of texts. */
  readonly isPrinted?: boolean;
  readonly element?: SqlType;
  readonly fields?: readonly SqlType[];
  /** Statements that create it, in order. */
  readonly definitions?: readonly string[];
  /** What a failure shows of it. */
  [fc.toStringMethod](): string;
}

const shown = (name: string) => ({ name, [fc.toStringMethod]: () => name });

export const quoted = (text: string) => `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;

const asText = (value: string) => `to_jsonb((${value})::text)`;
const printed = (output: string) => (value: string) => `to_jsonb(textin(${output}(${value})))`;
const type = (
  name: string,
  literal: fc.Arbitrary<string>,
  plain = asText,
  rest: Partial<SqlType> = {},
): SqlType => ({ ...shown(name), literal: literal.map((text) => `${text}::${name}`), plain, ...rest });

const integer = (name: string, bits: number) => {
  const most = 2n ** BigInt(bits - 1);
  return type(
    name,
    fc
      .oneof(
        fc.bigInt({ min: -most, max: most - 1n }),
        fc.bigInt({ min: -3n, max: 3n }),
        fc.constantFrom(-most, most - 1n),
      )
      .map((n) => `'${n}'`),
  );
};

const decimal = (precision: number, scale: number) => {
  const most = 10n ** BigInt(precision) - 1n;
  const units = fc.oneof(fc.bigInt({ min: -most, max: most }), fc.constantFrom(most, -most, 0n, 1n, -1n));
  return type(
    `numeric(${precision},${scale})`,
    units.map((n) => `'${n}e${-scale}'`),
  );
};

const microseconds = (value: string) => `to_jsonb(trunc(extract(epoch from ${value}) * 1000000)::text)`;
/** @param least microseconds */
const since2000 = (name: string, least: bigint) =>
  type(
    name,
    fc
      .oneof(
        fc.bigInt({ min: least, max: 8n * 10n ** 18n }),
        fc.bigInt({ min: -(10n ** 9n), max: 10n ** 9n }),
        fc.constantFrom(-946_684_800_000_000n, -946_684_801_000_000n),
      )
      .map((n) => `(timestamp '2000-01-01' + '${n} microseconds')`),
    microseconds,
  );
/** @param least days */
const dateSince2000 = (least: number) =>
  type(
    'date',
    fc
      .oneof(fc.integer({ min: least, max: 2_145_031_948 }), fc.integer({ min: -20_000, max: 20_000 }))
      .map((n) => `(date '2000-01-01' + ${n})`),
    (value) => `to_jsonb((${value} - date '1970-01-01')::text)`,
  );

const text = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 40 }).map((value) => value.replaceAll('\0', '')),
    fc.constantFrom('', ' ', 'null', 'é'.repeat(80), '\u{10ffff}'.repeat(20)),
  )
  .map(quoted);
const word = fc.stringMatching(/^[a-z]{0,5}$/).map(quoted);
const int32 = fc.integer();
/** Without U+0000, which jsonb has not. */
const json = fc.json().filter((value) => !/\\u0000/.test(value));

/** PostgreSQL's types, of which all readers have all values in all formats. */
export const scalars: readonly SqlType[] = [
  type('bool', fc.boolean().map(String), (value) => `to_jsonb(${value})`),
  integer('int2', 16),
  integer('int4', 32),
  integer('int8', 64),
  type(
    'oid',
    fc.nat().map((n) => `'${n * 2}'`),
  ),
  type(
    'float8',
    fc.double().map((n) => `'${n}'`),
    asText,
    { isFloat: true },
  ),
  type(
    'float4',
    fc.float().map((n) => `'${n}'`),
    (value) => `to_jsonb((${value})::float8::text)`,
    { isFloat: true },
  ),
  decimal(1, 0),
  decimal(9, 2),
  decimal(15, 15),
  decimal(16, 3),
  decimal(18, 4),
  decimal(19, 0),
  decimal(38, 10),
  decimal(38, 38),
  type(
    'numeric(5,-2)',
    fc.integer({ min: -9_999_949, max: 9_999_949 }).map((n) => `'${n}'`),
  ),
  type(
    'numeric',
    fc
      .oneof(
        fc
          .tuple(fc.bigInt({ min: -(10n ** 60n), max: 10n ** 60n }), fc.integer({ min: -230, max: 230 }))
          .map(([n, exponent]) => `${n}e${exponent}`),
        fc.constantFrom(
          '0.000067',
          '1e-200',
          '1e200',
          'NaN',
          'Infinity',
          '-Infinity',
          '0.10',
          '0.1',
          '0.0000',
          '10000',
          '0',
        ),
      )
      .map((n) => `'${n}'`),
  ),
  type('text', text),
  type('varchar(100)', text),
  type('char(6)', word, printed('bpcharout')),
  type('name', word),
  type('"char"', fc.constantFrom("'a'", "''", "'\\377'"), printed('charout'), { isPrinted: true }),
  type(
    'bytea',
    fc.uint8Array({ maxLength: 40 }).map((bytes) => `'\\x${Buffer.from(bytes).toString('hex')}'`),
    (value) => `to_jsonb('base64:' || translate(encode(${value}, 'base64'), E'\\n', ''))`,
  ),
  type(
    'time',
    fc.integer({ min: 0, max: 86_399_999_999 }).map((n) => `(time '00:00' + '${n} microseconds')`),
    microseconds,
  ),
  type(
    'timetz',
    fc
      .tuple(fc.integer({ min: 0, max: 86_400_000 }), fc.integer({ min: -57_599, max: 57_599 }), fc.nat(999))
      .map(([ms, zone, micros]) => {
        const two = (n: number) => String(Math.floor(n)).padStart(2, '0');
        const away = Math.abs(zone);
        const clock =
          ms === 86_400_000
            ? '24:00:00'
            : `${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}.${String(ms % 1000).padStart(3, '0')}${String(micros).padStart(3, '0')}`;
        return `'${clock}${zone < 0 ? '-' : '+'}${two(away / 3600)}:${two((away / 60) % 60)}:${two(zone % 7 === 0 ? away % 60 : 0)}'`;
      }),
  ),
  type(
    'interval',
    fc
      .tuple(int32, int32, fc.bigInt({ min: -(2n ** 62n), max: 2n ** 62n }))
      .map(([months, days, micros]) => `'${months} months ${days} days ${micros} microseconds'`),
    (value) =>
      `CASE WHEN ${value} IS NOT NULL THEN jsonb_build_object('months', (extract(year from ${value}) * 12 + extract(month from ${value}))::int8::text,
        'days', extract(day from ${value})::int8::text,
        'micros', (extract(hour from ${value}) * 3600000000 + extract(minute from ${value}) * 60000000
          + extract(microseconds from ${value}))::int8::text) END`,
  ),
  type(
    'uuid',
    fc.uuid().map((value) => `'${value}'`),
  ),
  type('json', json.map(quoted)),
  type('jsonb', json.map(quoted)),
  type(
    'inet',
    fc
      .oneof(
        fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([ip, bits]) => `${ip}/${bits}`),
        fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })).map(([ip, bits]) => `${ip}/${bits}`),
        fc.constantFrom('::', '::1', '::ffff:1.2.3.4', '::1.2.3.4', '1::', '10.0.0.1', '0:1::'),
      )
      .map((value) => `'${value}'`),
    printed('inet_out'),
  ),
  type(
    'cidr',
    fc.constantFrom("'10.0.0.0/8'", "'1.2.3.4/32'", "'::/0'", "'2001:db8::/32'", "'::1/128'"),
    printed('cidr_out'),
  ),
  type('macaddr', fc.constantFrom("'08:00:2b:01:02:03'", "'00:00:00:00:00:00'"), asText, { isPrinted: true }),
  type(
    'varbit(9)',
    fc.stringMatching(/^[01]{0,9}$/).map((bits) => `B'${bits}'`),
    asText,
    { isPrinted: true },
  ),
  type(
    'money',
    fc.integer({ min: -999_999, max: 999_999 }).map((n) => `'${n / 100}'`),
    asText,
    { isPrinted: true },
  ),
  type('int4range', fc.constantFrom("'[1,5)'", "'empty'", "'(,7]'"), asText, { isPrinted: true }),
  type('xml', fc.constantFrom("'<a>é</a>'", "'x'"), asText, { isPrinted: true }),
  type('tsvector', fc.constantFrom("'fat cat'", "''"), asText, { isPrinted: true }),
  type('mood', fc.constantFrom("'sad'", "'not, so sad'", "'é'")),
  type(
    'kwh',
    fc.integer({ min: 0, max: 99_999_999 }).map((n) => `'${n / 100}'`),
  ),
  type('tags', fc.constantFrom("'{}'", '\'{a,NULL,""}\''), (value) => `to_jsonb((${value})::text[])`),
];

/** Of today's calendar. */
const gregorian = -152_384;
export const times = [
  dateSince2000(gregorian),
  since2000('timestamp', BigInt(gregorian) * 86_400_000_000n),
  since2000('timestamptz', BigInt(gregorian) * 86_400_000_000n),
];
/** Of all years. */
export const farTimes = [
  dateSince2000(-2_451_545),
  since2000('timestamp', -2n * 10n ** 17n),
  since2000('timestamptz', -2n * 10n ** 17n),
];

export const prelude = `CREATE TYPE mood AS ENUM ('sad', 'not, so sad', 'é');
  CREATE DOMAIN kwh AS numeric(10,2) CHECK (value >= 0);
  CREATE DOMAIN tags AS text[];`;

export function arrayOf(element: SqlType): SqlType {
  const name = `${element.name}[]`;
  const literal = fc
    .array(fc.option(element.literal, { nil: 'NULL', freq: 4 }), { maxLength: 4 })
    .map((values) => `ARRAY[${values.join(', ')}]::${name}`);
  const common = { ...shown(name), literal, definitions: element.definitions ?? [] };
  if (element.fields?.some(({ isPrinted }) => isPrinted))
    return { ...common, plain: (value) => `to_jsonb((${value})::text[])` };
  return {
    ...common,
    plain: (value) =>
      `CASE WHEN (${value}) IS NOT NULL THEN (SELECT coalesce(jsonb_agg(${element.plain(`(${value})[i]`)} ORDER BY i), '[]')
         FROM generate_subscripts(${value}, 1) i) END`,
    element,
  };
}

/** A record, of a type with an attribute that is dropped, as tables have. */
export function recordOf(fields: readonly SqlType[]): SqlType {
  const hash = createHash('md5').update(fields.map((field) => field.name).join());
  const name = `record_${hash.digest('hex')}`;
  const attributes = fields.map((field, i) => `f${i} ${field.name}`);
  return {
    ...shown(name),
    definitions: [
      ...fields.flatMap((field) => field.definitions ?? []),
      `CREATE TYPE ${name} AS (gone text, ${attributes.join(', ')}); ALTER TYPE ${name} DROP ATTRIBUTE gone;`,
    ],
    literal: fc
      .tuple(...fields.map((field) => fc.option(field.literal, { nil: 'NULL', freq: 4 })))
      .map((values) => `ROW(${values.join(', ')})::${name}`),
    plain: (value) =>
      `CASE WHEN (${value}) IS DISTINCT FROM NULL THEN jsonb_build_object(${fields
        .map((field, i) => `'f${i}', ${field.plain(`(${value}).f${i}`)}`)
        .join(', ')}) END`,
    fields,
  };
}

/** What a reader or PostgreSQL says of a value, so that equal ones are the same. */
export function comparable(value: LakeValue | undefined, type: SqlType): unknown {
  if (value === null || value === undefined) return null;
  if (type.element) return (value as readonly LakeValue[]).map((item) => comparable(item, type.element!));
  if (type.fields)
    return Object.fromEntries(
      type.fields.map((field, i) => [
        `f${i}`,
        comparable((value as Record<string, LakeValue>)[`f${i}`], field),
      ]),
    );
  // −0 is not 0.
  return type.isFloat ? `${Object.is(Number(value), -0) ? '-0' : Number(value)}` : value;
}

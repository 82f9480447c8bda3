import { describe, expect, test } from 'vitest';

import { UserError } from '../../../../src/lib/core/errors.js';
import type { IndexField } from '../../../../src/lib/search/engine.js';
import { parseAggregation } from '../../../../src/lib/search/query/aggregation-spec.js';
import { type Asked, questionOf } from '../../../../src/lib/search/query/asked.js';
import { parseBox, parseDistance, parsePlace } from '../../../../src/lib/search/query/place.js';

const sensors: readonly IndexField[] = [
  { name: 'name', kind: 'text' },
  { name: 'name.keyword', kind: 'keyword' },
  { name: 'name.prefix', kind: 'text' },
  { name: 'type', kind: 'keyword' },
  { name: 'value', kind: 'number' },
  { name: 'peak', kind: 'number' },
  { name: 'time', kind: 'date' },
  { name: 'location', kind: 'geo' },
  { name: 'odd', kind: 'mixed' },
];
const now = Date.parse('2026-11-29T12:00:00Z');
const ask = (asked: Omit<Asked, 'limit'>, fields = sensors) =>
  questionOf({ limit: 20, ...asked }, 'sensors', fields, now);

const refused = (code: string, message: string) =>
  expect.toSatisfy((error) => error instanceof UserError && error.code === code && error.message === message);

describe('a question finds its fields in the mapping', () => {
  test('words in texts, whole keywords below them, and other readings of them', () => {
    expect(ask({ text: 'trafo' }).text).toEqual({
      query: 'trafo',
      words: 'all',
      fields: ['name'],
      whole: ['name.keyword'],
      exact: ['name.prefix'],
      fuzziness: 'auto',
    });
  });

  test('conditions', () => {
    const question = ask({
      types: ['power'],
      minValue: '9007199254740993',
      from: 'now-1d/d',
      to: 'now',
      near: { lat: 1, lon: 2 },
      withinMeters: 5,
      where: [
        ['name', 'a,b'],
        ['peak', '1'],
        ['name', 'c'],
      ],
    });
    expect(question.filters).toEqual([
      { kind: 'term', field: 'type', values: ['power'] },
      { kind: 'term', field: 'name.keyword', values: ['a,b', 'c'] },
      { kind: 'term', field: 'peak', values: ['1'] },
      { kind: 'range', field: 'value', gte: '9007199254740993', lte: undefined },
      { kind: 'time', field: 'time', gte: '2026-11-28T00:00:00.000Z', lt: '2026-11-29T12:00:00.000Z' },
      { kind: 'distance', field: 'location', center: { lat: 1, lon: 2 }, meters: 5 },
    ]);
    expect(question.sort).toEqual([{ field: 'location', order: 'asc', near: { lat: 1, lon: 2 } }]);
  });

  test('the only field of a kind is meant, whatever its name', () => {
    const fields: IndexField[] = [
      { name: 'kwh', kind: 'number' },
      { name: 'read_at', kind: 'date' },
      { name: 'site.where', kind: 'geo' },
    ];
    const question = ask({ minValue: '1', to: 'now', near: { lat: 0, lon: 0 } }, fields);
    expect(question.filters.map(({ field }) => field)).toEqual(['kwh', 'read_at']);
    expect(question.sort[0]!.field).toBe('site.where');
  });
});

test.each<[Omit<Asked, 'limit'>, string, string]>([
  [{ where: [['tipe', 'x']] }, 'FIELD_UNKNOWN', "sensors has no field 'tipe'; did you mean 'type'?"],
  [
    { where: [['odd', 'x']] },
    'FIELD_UNFIT',
    "'odd' of sensors is of different types in the indices behind that name, and not a keyword, a number, a time or true or false",
  ],
  [{ minValue: '1', valueField: 'type' }, 'FIELD_UNFIT', "'type' of sensors is a keyword, and not a number"],
  [{ withinMeters: 5 }, 'USAGE', 'a distance is given, and no place that it is from'],
  [{ text: ' ' }, 'USAGE', 'the text has no words'],
  [
    { from: 'now', to: 'now-1h' },
    'TIME_INVALID',
    'the time range is empty: it is from 2026-11-29T12:00:00.000Z until before 2026-11-29T11:00:00.000Z',
  ],
  [
    { aggregations: [parseAggregation('percentiles:name')] },
    'FIELD_UNFIT',
    "'name' of sensors is a text, and not a number",
  ],
])('%j is refused', (asked, code, message) => {
  expect(() => ask(asked)).toThrow(refused(code, message));
});

test('several fields of a kind without a usual name are not guessed among', () => {
  const fields: IndexField[] = [
    { name: 'a', kind: 'number' },
    { name: 'b', kind: 'number' },
  ];
  expect(() => ask({ minValue: '1' }, fields)).toThrow(
    refused('FIELD_UNCLEAR', 'sensors has several fields that are a number: a, b'),
  );
});

test.each([
  ['terms:type', { kind: 'terms', field: 'type', size: 10 }],
  ['terms:type:20', { kind: 'terms', field: 'type', size: 20 }],
  ['date:@timestamp:15m', { kind: 'date-histogram', field: '@timestamp', interval: '15m' }],
  ['percentiles:value:50,99.9', { kind: 'percentiles', field: 'value', percents: [50, 99.9] }],
  ['geo:location:12', { kind: 'geo-grid', field: 'location', precision: 12, size: 10_000 }],
])('%s is an aggregation', (text, expected) => {
  expect(parseAggregation(text)).toEqual({ name: text, ...expected });
});

test.each([
  'terms',
  'terms:type:0',
  'terms:type:x',
  'date:time',
  'date:time:2w',
  'date:time:0h',
  'percentiles:value:101',
  'geo:location:13',
  'sum:value',
])('%s is not an aggregation', (text) =>
  expect(() => parseAggregation(text)).toThrow(
    refused('AGGREGATION_INVALID', `'${text}' is not an aggregation`),
  ),
);

test('places, boxes and distances', () => {
  expect(parsePlace('-33.9, 151.2')).toEqual({ lat: -33.9, lon: 151.2 });
  expect(parseBox('170,-10,-170,10')).toEqual({ west: 170, south: -10, east: -170, north: 10 });
  expect([parseDistance('300m'), parseDistance('1.5km'), parseDistance('1mi')]).toEqual([
    300, 1500, 1609.344,
  ]);
  for (const text of ['1', '91,0', '0,181', 'a,b', '1,2,3', ',', '1,'])
    expect(() => parsePlace(text)).toThrow(UserError);
  for (const text of ['1,2,3', '0,10,1,-10', '0,0,200,0']) expect(() => parseBox(text)).toThrow(UserError);
  for (const text of ['5', '0km', '-1km', 'km', '5ft']) expect(() => parseDistance(text)).toThrow(UserError);
});

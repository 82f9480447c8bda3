import { expect, test } from 'vitest';

import { fromBytes } from '../../../../src/lib/core/bytes.js';
import type { Filter, Fuzziness, TextMatch } from '../../../../src/lib/search/query/question.js';
import { replayable } from '../../../random.js';
import { everything, operation, type PortUnderTest } from './port-under-test.js';

/** What is asked, against brute force. */
export function questionsContract(port: PortUnderTest): void {
  const { signal } = port;
  test('questions find what brute force finds', async () => {
    const { random } = replayable(`places on ${port.name}`);
    const index = await port.create('places');
    const documents = Array.from({ length: 400 }, (_, i) => ({
      id: `p${i}`,
      kind: ['a,b', 'it\'s {!x} "${q}"', 'c'][i % 3]!,
      n: i % 50,
      value: (i % 40) / 4 - 5,
      time: new Date(Date.UTC(2026, 0, 1) + i * 7_200_000).toISOString(),
      place: { lat: between(-85, 85, random), lon: between(-180, 180, random) },
    }));
    await port.write(index, ...documents.map(({ id, ...source }) => operation('index', id, source)));
    await port.engine.refresh(index, signal);
    type Document = (typeof documents)[number];
    const check = async (filter: Filter, matches: (document: Document) => boolean) => {
      const expected = documents
        .filter(matches)
        .map(({ id }) => id)
        .sort();
      const native = port.engine.filterOf({ filters: [filter] });
      expect((await port.scanned(index, { filter: native })).map(({ id }) => id).sort()).toEqual(expected);
      expect(await port.engine.count(index, signal, native)).toBe(expected.length);
      const { total } = await port.engine.search(index, { ...everything, filters: [filter] }, signal);
      expect(total).toEqual({ count: expected.length, atLeast: false });
    };
    await check({ kind: 'term', field: 'kind', values: ['a,b'] }, ({ kind }) => kind === 'a,b');
    await check(
      { kind: 'term', field: 'kind', values: ['it\'s {!x} "${q}"', 'c', '*'] },
      ({ kind }) => kind !== 'a,b',
    );
    await check(
      { kind: 'range', field: 'value', gte: '-1.25', lt: '2' },
      ({ value }) => value >= -1.25 && value < 2,
    );
    await check({ kind: 'range', field: 'n', gt: '10', lt: '12.5' }, ({ n }) => n === 11 || n === 12);
    await check(
      { kind: 'time', field: 'time', gte: '2026-01-02T01:00:00+01:00', lt: '2026-01-03T00:00:00Z' },
      ({ time }) => time >= '2026-01-02' && time < '2026-01-03',
    );
    const on = documents[7]!.place;
    await check(
      {
        kind: 'box',
        field: 'place',
        north: on.lat + 1,
        south: on.lat,
        west: on.lon,
        east: Math.min(180, on.lon + 1),
      },
      ({ place: { lat, lon } }) => lat >= on.lat && lat <= on.lat + 1 && lon >= on.lon && lon <= on.lon + 1,
    );
    const box = { north: 40, south: -40, west: 150, east: -120 };
    await check(
      { kind: 'box', field: 'place', ...box },
      ({ place: { lat, lon } }) => lat <= 40 && lat >= -40 && (lon >= 150 || lon <= -120),
    );
    const center = { lat: 10, lon: 175 };
    await check(
      { kind: 'distance', field: 'place', center, meters: 5_000_000 },
      ({ place }) => metersBetween(center, place) <= 5_000_000,
    );
    // A triangle with a hole that is one, too.
    const triangle = [
      [20, -30],
      [60, 100],
      [-40, 20],
      [20, -30],
    ].map(([lat, lon]) => ({ lat: lat!, lon: lon! }));
    const hole = [
      [15, 10],
      [5, 20],
      [20, 25],
      [15, 10],
    ].map(([lat, lon]) => ({ lat: lat!, lon: lon! }));
    await check(
      { kind: 'polygon', field: 'place', polygons: [[triangle.reverse(), hole]] },
      ({ place }) => inTriangle(place, triangle) && !inTriangle(place, hole),
    );
  });

  test('no character of a text is an operator', async () => {
    const index = await port.create('texts');
    const names = ['Bad Homburg', 'Bad Hamburg Nord', 'Homberg', 'Zürich', 'nothing of it'];
    await port.write(index, ...names.map((text, i) => operation('index', `t${i}`, { name: text })));
    await port.engine.refresh(index, signal);
    const text = (query: string, fuzziness: Fuzziness = 0): TextMatch => ({
      query,
      words: 'any',
      fields: ['name'],
      whole: [],
      exact: [],
      fuzziness,
    });
    const find = async (query: string, fuzziness?: Fuzziness) => {
      const question = { ...everything, text: text(query, fuzziness) };
      return (await port.engine.search(index, question, signal)).hits
        .map(({ id }) => Number(id.slice(1)))
        .sort();
    };
    expect(await find('homburg')).toEqual([0]);
    expect(await find('homburg', 1)).toEqual([0, 1, 2]);
    expect(await find('hmoburg', 'auto')).toEqual([0, 1, 2]);
    expect(await find('zurich', 1)).toEqual([3]);
    for (const query of [
      '"homburg',
      'homburg" OR name:*',
      '-homburg',
      '+homburg -bad',
      'homburg AND nord',
      'name: homburg',
      '{!func}homburg',
      '(homburg',
      'homburg\\',
      'homburg~2',
      'homburg^9 ${port.name}',
      '/homburg/',
      '[homburg TO *]',
    ])
      // As a text it has the words that the same letters without operators have.
      expect(await find(query), query).toEqual(await find(query.replace(/[^a-z0-9]+/gi, ' ')));
    expect(await find('*')).toEqual([]);
    expect(await find('*:* OR')).toEqual([]);
    const { hits } = await port.engine.search(
      index,
      {
        ...everything,
        text: text('hamburg'),
        highlight: true,
        explain: true,
      },
      signal,
    );
    expect(hits).toMatchObject([{ highlights: { name: ['Bad \ue000Hamburg\ue001 Nord'] } }]);
    expect(hits[0]!.score).toBeGreaterThan(0);
    expect(JSON.parse(fromBytes(hits[0]!.explanation!))).toHaveProperty('value');
  });

  test('all words must be there, in any of the fields, or any word', async () => {
    const index = await port.create('words');
    const rows = [
      { name: 'Feeder North 4', place_name: 'Leipzig' },
      { name: 'Feeder South 4', place_name: 'Halle North' },
      { name: 'Feeder 14', place_name: 'Leipzig' },
      { name: 'Leipzig', place_name: 'nowhere' },
    ];
    await port.write(index, ...rows.map((row, i) => operation('index', `w${i}`, row)));
    await port.engine.refresh(index, signal);
    const find = async (query: string, more: Partial<TextMatch> = {}) => {
      const fields = ['name', 'place_name'];
      const text: TextMatch = {
        query,
        words: 'all',
        fields,
        whole: [],
        exact: [],
        fuzziness: 'auto',
        ...more,
      };
      const { hits } = await port.engine.search(index, { ...everything, text }, signal);
      return hits.map(({ id }) => Number(id.slice(1))).sort();
    };
    expect(await find('feeder 4')).toEqual([0, 1]);
    expect(await find('feeder leipzig')).toEqual([0, 2]);
    expect(await find('fedeer  nroth leipzg')).toEqual([0]);
    expect(await find('feeder leipzig', { words: 'any' })).toEqual([0, 1, 2, 3]);
    // One word to who asks, and two to the index.
    expect(await find('north-4', { fuzziness: 0 })).toEqual([0]);
    expect(await find('feeder - 14')).toEqual([2]);
    expect(await find('feeder nothing')).toEqual([]);
    expect(await find('- *')).toEqual([]);
  });

  test('aggregations, sorts and distances are those of brute force', async () => {
    const index = await port.create('sums');
    const documents = Array.from({ length: 120 }, (_, i) => ({
      kind: `k${i % 7 < 3 ? 0 : i % 7}`,
      value: i - 60,
      time: new Date(Date.UTC(2026, 0, 31, 22) + i * 3_600_000).toISOString(),
      'read-at': new Date(Date.UTC(2026, 0, 31, 22) + i * 3_600_000).toISOString(),
      ...(i % 10 !== 0 && { place: { lat: 10 + (i % 5) * 10, lon: 20 } }),
    }));
    await port.write(
      index,
      ...documents.map((document, i) => operation('index', `s${String(i).padStart(3, '0')}`, document)),
    );
    await port.engine.refresh(index, signal);
    const center = { lat: 10, lon: 20 };
    const found = await port.engine.search(
      index,
      {
        ...everything,
        limit: 3,
        sort: [
          { field: 'place', order: 'asc', near: center },
          { field: 'value', order: 'desc' },
        ],
        aggregations: [
          { name: 'kinds', kind: 'terms', field: 'kind', size: 2 },
          { name: 'days', kind: 'date-histogram', field: 'read-at', interval: '1d' },
          { name: 'months', kind: 'date-histogram', field: 'time', interval: '1M' },
          { name: 'middle', kind: 'percentiles', field: 'value', percents: [50] },
          { name: 'grid', kind: 'geo-grid', field: 'place', precision: 2, size: 10 },
        ],
      },
      signal,
    );
    expect(found.hits.map(({ id, distance }) => [id, Math.round(distance!)])).toEqual([
      ['s115', 0],
      ['s105', 0],
      ['s095', 0],
    ]);
    const { kinds, days, months, middle, grid } = found.aggregations;
    const counted = (keys: readonly string[]) => {
      const counts = new Map<string, number>();
      for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
      return [...counts].map(([key, count]) => ({ key, count }));
    };
    const byCount = counted(documents.map(({ kind }) => kind)).sort((a, b) => b.count - a.count);
    expect(kinds).toMatchObject({ isCut: true, otherCount: 120 - byCount[0]!.count - byCount[1]!.count });
    expect(kinds!.kind === 'buckets' && kinds!.buckets[0]).toEqual(byCount[0]);
    expect(days).toMatchObject({
      buckets: counted(documents.map(({ time }) => `${time.slice(0, 10)}T00:00:00.000Z`)),
    });
    expect(months).toMatchObject({
      buckets: counted(documents.map(({ time }) => `${time.slice(0, 7)}-01T00:00:00.000Z`)),
    });
    expect(middle!.kind === 'values' && middle!.values[0]!.value).toBeCloseTo(-0.5, -0.5);
    const placed = documents.filter((document) => 'place' in document);
    expect(grid!.kind === 'buckets' && grid!.buckets.reduce((sum, { count }) => sum + count, 0)).toBe(
      placed.length,
    );
    expect(grid!.kind === 'buckets' && grid!.buckets.map(({ key }) => key)).toContain('s7');
    await port.write(index, operation('index', 'without', { kind: 'k' }));
    await port.engine.refresh(index, signal);
    const ascending = documents.map((_, i) => `s${String(i).padStart(3, '0')}`);
    for (const [order, ids] of [
      ['asc', ascending],
      ['desc', ascending.toReversed()],
    ] as const)
      for (const field of ['value', 'read-at']) {
        const ordered = await port.scanned(index, { sort: [{ field, order }], pageSize: 50 });
        expect(ordered.map(({ id }) => id)).toEqual([...ids, 'without']);
      }
  });
}

function between(low: number, high: number, random: () => number): number {
  return low + (high - low) * random();
}

interface At {
  readonly lat: number;
  readonly lon: number;
}

/** On a sphere with the Earth's mean radius. */
function metersBetween(a: At, b: At): number {
  const rad = Math.PI / 180;
  const h =
    Math.sin(((b.lat - a.lat) * rad) / 2) ** 2 +
    Math.cos(a.lat * rad) * Math.cos(b.lat * rad) * Math.sin(((b.lon - a.lon) * rad) / 2) ** 2;
  return 2 * 6_371_008.8 * Math.asin(Math.sqrt(h));
}

/** By the sides on which the place is. */
function inTriangle(place: At, [a, b, c]: readonly At[]): boolean {
  const side = (from: At, to: At) =>
    (to.lon - from.lon) * (place.lat - from.lat) - (to.lat - from.lat) * (place.lon - from.lon);
  const sides = [side(a!, b!), side(b!, c!), side(c!, a!)];
  return sides.every((one) => one >= 0) || sides.every((one) => one <= 0);
}

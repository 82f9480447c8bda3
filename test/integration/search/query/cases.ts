import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type ByteString, toBytes } from '../../../../src/lib/core/bytes.js';
import type { SearchEngine } from '../../../../src/lib/search/engine.js';
import { openEngine } from '../../../../src/lib/search/open-engine.js';
import { parseAggregation } from '../../../../src/lib/search/query/aggregation-spec.js';
import { type Asked, questionOf } from '../../../../src/lib/search/query/asked.js';
import { readPolygons } from '../../../../src/lib/search/query/geojson.js';
import type { Found, Question } from '../../../../src/lib/search/query/question.js';
import { replayable } from '../../../random.js';
import { scaled } from '../../../scale.js';
import type { SharedSearch } from '../../../servers/search.js';
import { geojson, isIn, rimDistance, shape, writing } from '../../../unit/search/query/polygons.js';
import { SearchIndex } from './index-of.js';
import { areNear, edited, mappings, meters, type Sensor, sourceOf, word, worldOf } from './world.js';

const { seed, random } = replayable('questions');
const mebibyte = 1024 * 1024;
/** More than servers count by default. */
const counts = { real: 9000, world: 3000 };
/** Places are stored in steps of about a centimetre. */
const rimDegrees = 1e-6;
const rimMeters = 0.2;

/** What `search query` promises of every engine that speaks the protocol of Elasticsearch. */
export function queryCases(server: () => Promise<SharedSearch>, { largeBytes = 12 * mebibyte } = {}): void {
  const signal = AbortSignal.timeout(300_000);
  let engine: SearchEngine;
  let index: SearchIndex;
  let sensors: Sensor[];

  beforeAll(async () => {
    const { url, prefix } = await server();
    engine = await openEngine(
      'elasticsearch',
      { urls: [url] },
      { connectTimeoutMs: 5000, requestTimeoutMs: 60_000 },
      signal,
    );
    index = await SearchIndex.create(url, `${prefix}query`, { mappings, shards: 3 });
    sensors = await worldOf(random, counts);
    await index.put(sensors.map((sensor) => [sensor.id, sourceOf(sensor)]));
  });

  afterAll(async () => {
    await index.remove();
    engine.close();
  });

  const question = async (asked: Partial<Asked>): Promise<Question> =>
    questionOf({ limit: 10, ...asked }, index.name, await engine.fields(index.name, signal), Date.now());
  const ask = async (asked: Partial<Asked>): Promise<Found> =>
    engine.search(index.name, await question(asked), signal);
  /** Ids of all hits. */
  const all = async (asked: Partial<Asked>): Promise<Set<string>> => {
    const filter = engine.filterOf(await question(asked));
    const ids: string[] = [];
    for await (const hits of engine.scan(index.name, { signal, filter, source: false }))
      ids.push(...hits.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    return new Set(ids);
  };
  /** All that are meant, and no others; those on the rim may be either. */
  const expectIds = (
    found: Set<string>,
    isMeant: (sensor: Sensor) => boolean,
    isOnRim: (sensor: Sensor) => boolean,
  ) => {
    const wrong = sensors.filter((one) => found.has(one.id) !== isMeant(one));
    expect(wrong.filter((one) => !isOnRim(one))).toEqual([]);
  };

  describe('places', () => {
    const place = fc.constantFrom(0, 1, 2).chain(() =>
      fc.record({
        lat: fc.double({ min: -89, max: 89, noNaN: true }),
        lon: fc.double({ min: -180, max: 180, noNaN: true }),
      }),
    );
    const near = fc.oneof(
      place,
      fc.nat(counts.real - 1).map((i) => ({ lat: sensors[i]!.lat, lon: sensors[i]!.lon })),
    );

    test('within a distance are those that are as near', async () => {
      await fc.assert(
        fc.asyncProperty(near, fc.constantFrom(300, 5000, 2e6, 1.2e7), async (center, distance) => {
          const found = await all({ near: center, withinMeters: distance });
          const away = (sensor: Sensor) => meters(center, sensor) - distance;
          // Rounding grows with the distance.
          expectIds(
            found,
            (one) => away(one) <= 0,
            (one) => Math.abs(away(one)) < rimMeters + distance * 1e-7,
          );
        }),
        { seed, numRuns: scaled(8) },
      );
    });

    test('in a box are those between its sides, also over the date line', async () => {
      await fc.assert(
        fc.asyncProperty(place, place, async (one, other) => {
          const [south, north] = [one.lat, other.lat].sort((a, b) => a - b) as [number, number];
          const [west, east] = [one.lon, other.lon];
          const found = await all({ box: { west, south, east, north } });
          const isBetween = ({ lon }: Sensor) =>
            west <= east ? west <= lon && lon <= east : lon >= west || lon <= east;
          expectIds(
            found,
            (sensor) => south <= sensor.lat && sensor.lat <= north && isBetween(sensor),
            ({ lat, lon }) =>
              [south, north].some((side) => Math.abs(lat - side) < rimDegrees) ||
              [west, east].some((side) => Math.abs(lon - side) < rimDegrees),
          );
        }),
        { seed, numRuns: scaled(8) },
      );
    });

    test('a place on the rim of a box is in it', async () => {
      const { lat, lon, id } = sensors[0]!;
      for (const box of [
        { west: lon, south: lat, east: lon + 1, north: lat + 1 },
        { west: lon - 1, south: lat - 1, east: lon, north: lat },
      ])
        expect(await all({ box })).toContain(id);
    });

    test('in a polygon are those inside, also over the date line, with a hole, and however it is written', async () => {
      await fc.assert(
        fc.asyncProperty(shape, writing, async (drawn, way) => {
          const found = await all({ polygons: readPolygons(geojson(drawn, way), 'area.json') });
          expectIds(
            found,
            ({ lat, lon }) => isIn(drawn, lon, lat),
            ({ lat, lon }) => rimDistance(drawn, lon, lat) < rimDegrees,
          );
        }),
        { seed, numRuns: scaled(8) },
      );
    });

    test('near a place the nearest come first, each with its distance', async () => {
      const center = { lat: 53.6, lon: 11.4 };
      const { hits } = await ask({ near: center });
      const nearest = sensors.map((sensor) => meters(center, sensor)).sort((a, b) => a - b);
      hits.forEach(({ distance }, i) => expect(distance).toBeCloseTo(nearest[i]!, 0));
    });
  });

  describe('text', () => {
    test.each([1, 2] as const)('every name with a word up to %i edits away is found', async (fuzziness) => {
      for (let run = 0; run < scaled(4); run++) {
        const asked = word(random);
        const found = await all({ text: asked, fuzziness });
        const isNear = (one: string) =>
          areNear(asked, one, fuzziness) && Math.min(one.length, asked.length) > fuzziness;
        const expected = sensors.filter(({ name }) => name.toLowerCase().split(' ').some(isNear));
        for (const { id, name } of expected)
          expect([asked, name, found.has(id)]).toEqual([asked, name, true]);
      }
    });

    test('a name with one letter wrong comes up among the first, as do all names so near', async () => {
      const real = sensors.slice(0, counts.real);
      for (let run = 0; run < scaled(4); run++) {
        const asked = edited(real[Math.floor(random() * real.length)]!.name, random);
        const expected = real.filter(({ name }) => areNear(name, asked, 1)).map(({ id }) => id);
        const { hits } = await ask({ text: asked, limit: 2 * expected.length + 10 });
        expect([asked, hits.map(({ id }) => id)]).toEqual([asked, expect.arrayContaining(expected)]);
      }
    });

    test.each([
      "') OR type:gas",
      'abc*',
      '"ab cd',
      '{"match_all":{}}',
      'a AND NOT b',
      'name:/a.*/',
      '\\',
      '+abc -dab ~',
      '[* TO *]',
      'ab\u0000cd',
      '${jndi}',
    ])('no character of %j is an operator', async (text) => {
      const words = new Set(text.toLowerCase().match(/[\p{L}\p{N}_]+/gu));
      const found = await all({ text, anyWord: true, fuzziness: 0 });
      const isMeant = ({ name }: Sensor) =>
        name
          .toLowerCase()
          .split(/[ _]/)
          .some((one) => words.has(one));
      expect(sensors.filter(({ id }) => found.has(id)).filter((one) => !isMeant(one))).toEqual([]);
      const plain = sensors.filter(({ name }) => name.split(' ').some((one) => words.has(one)));
      for (const { id } of plain) expect(found).toContain(id);
    });

    test('matches are marked, and each score is explained', async () => {
      const { name, id } = sensors[counts.real]!;
      const [first = ''] = name.split(' ');
      const { hits } = await ask({ text: name, highlight: true, explain: true, fuzziness: 0, limit: 50 });
      const hit = hits.find((one) => one.id === id)!;
      expect(hit.highlights!['name']!.join()).toContain(`\ue000${first}\ue001`);
      const { value } = JSON.parse(hit.explanation!) as { value: number };
      expect(value).toBeCloseTo(hit.score!, 3);
    });
  });

  describe('values, times and keys', () => {
    test('all conditions hold at once, and the total is exact above 10,000', async () => {
      expect((await ask({ limit: 0 })).total).toEqual({ count: sensors.length, atLeast: false });
      const found = await all({
        types: ['power', 'water'],
        minValue: '100',
        maxValue: '500.5',
        from: '2026-10-10',
        to: '2026-10-20T12:00:00Z',
        where: [['tags', 'a']],
      });
      const [from, to] = [Date.parse('2026-10-10T00:00:00Z'), Date.parse('2026-10-20T12:00:00Z')];
      expectIds(
        found,
        ({ type, value, time }) =>
          ['power', 'water'].includes(type) &&
          value >= 100 &&
          value <= 500.5 &&
          Date.parse(time) >= from &&
          Date.parse(time) < to,
        () => false,
      );
      expect(found.size).toBeGreaterThan(0);
    });

    test('in the order of a field, page after page', async () => {
      const sort = [
        { field: 'value', order: 'desc' as const },
        { field: 'sensor_id', order: 'asc' as const },
      ];
      const { hits } = await ask({ sort, limit: 30 });
      const ordered = [...sensors]
        .sort((a, b) => b.value - a.value || (a.id < b.id ? -1 : 1))
        .map(({ id }) => id);
      expect(hits.map(({ id }) => id)).toEqual(ordered.slice(0, 30));
      const scanned: string[] = [];
      for await (const page of engine.scan(index.name, { signal, sort, source: false, pageSize: 1000 }))
        scanned.push(...page.map(({ id }) => id));
      expect(scanned).toEqual(ordered);
    });
  });

  describe('aggregations', () => {
    test('terms, intervals and cells have the counts that they have, and say what they leave out', async () => {
      const { aggregations } = await ask({
        aggregations: ['terms:type:3', 'terms:tags', 'date:time:1d', 'date:time:1M', 'geo:location:2'].map(
          parseAggregation,
        ),
      });
      const types = tally(sensors.map(({ type }) => type));
      const top = [...types.values()].sort((a, b) => b - a).slice(0, 3);
      const terms = buckets(aggregations['terms:type:3']);
      expect(terms.map(({ count }) => count)).toEqual(top);
      for (const { key, count } of terms) expect(types.get(key)).toBe(count);
      expect(aggregations['terms:type:3']).toMatchObject({
        isCut: true,
        otherCount: sensors.length - top.reduce((a, b) => a + b),
        countError: 0,
      });
      expect(aggregations['terms:tags']).toMatchObject({
        isCut: false,
        otherCount: 0,
        buckets: [{ key: 'a', count: sensors.length }],
      });
      for (const [spec, length] of [
        ['date:time:1d', 10],
        ['date:time:1M', 7],
      ] as const) {
        const start = (time: string) => `${time.slice(0, length)}${length === 7 ? '-01' : ''}T00:00:00.000Z`;
        expect(new Map(buckets(aggregations[spec]).map(({ key, count }) => [key, count]))).toEqual(
          tally(
            sensors.map(({ time }) => start(time)),
            true,
          ),
        );
      }
      const cells = buckets(aggregations['geo:location:2']);
      expect(cells.reduce((sum, { count }) => sum + count, 0)).toBe(sensors.length);
      // SimBench lies in two neighbouring cells of some 1,250 km.
      expect(cells[0]!.key).toBe('u3');
    });

    test('a grid with too many cells says so', async () => {
      const { aggregations } = await ask({
        aggregations: [{ name: 'cells', kind: 'geo-grid', field: 'location', precision: 6, size: 5 }],
      });
      expect(aggregations['cells']).toMatchObject({ isCut: true });
      expect(buckets(aggregations['cells'])).toHaveLength(5);
    });

    test('percentiles lie where they should, as exactly as a digest of every shard is', async () => {
      const { aggregations } = await ask({
        types: ['power'],
        aggregations: [parseAggregation('percentiles:value:5,50,99')],
      });
      const values = sensors
        .filter(({ type }) => type === 'power')
        .map(({ value }) => value)
        .sort((a, b) => a - b);
      const result = aggregations['percentiles:value:5,50,99']!;
      for (const { percent, value } of result.kind === 'values' ? result.values : []) {
        const at = (share: number) =>
          values[Math.min(values.length - 1, Math.max(0, Math.floor(share * values.length)))]!;
        expect(value).toBeGreaterThanOrEqual(at(percent / 100 - 0.02));
        expect(value).toBeLessThanOrEqual(at(percent / 100 + 0.02));
      }
      expect(result).toMatchObject({
        kind: 'values',
        values: [{ percent: 5 }, { percent: 50 }, { percent: 99 }],
      });
    });
  });

  describe('every hit', () => {
    test('once, as it was, while documents are written and deleted', async () => {
      const { url, prefix } = await server();
      const own = await SearchIndex.create(url, `${prefix}moving`, { mappings, shards: 3 });
      const before = new Map(sensors.slice(0, 2000).map((sensor) => [sensor.id, sourceOf(sensor)]));
      await own.put([...before]);
      const read = new Map<string, string>();
      let pages = 0;
      for await (const hits of engine.scan(own.name, { signal, pageSize: 250 })) {
        for (const { id, source } of hits) {
          expect(read).not.toContain(id);
          read.set(id, source);
        }
        const some = sensors.slice(pages * 50, pages * 50 + 50).map(({ id }) => id);
        await own.put(some.map((id) => [pages % 2 === 0 ? id : `new-${id}`, '{"name":"changed"}']));
        await own.delete(sensors[1999 - pages]!.id);
        pages++;
      }
      expect(pages).toBeGreaterThan(8);
      expect(read).toEqual(new Map([...before].map(([id, source]) => [id, toBytes(source)])));
      await own.remove();
    });

    test('in the order of times of nanoseconds, of which many are within a millisecond, and some missing', async () => {
      const { url, prefix } = await server();
      const dated = { mappings: { properties: { at: { type: 'date_nanos' } } }, shards: 3 };
      const own = await SearchIndex.create(url, `${prefix}nanos`, dated);
      const at = (i: number) => `2026-11-29T12:00:00.000${String(i * 7919).padStart(6, '0')}Z`;
      const ids = Array.from({ length: 120 }, (_, i) => `${i}`);
      await own.put(ids.map((id, i) => [id, i % 3 === 0 ? '{}' : JSON.stringify({ at: at(i) })]));
      for (const order of ['asc', 'desc'] as const) {
        const read: string[] = [];
        const sort = [{ field: 'at', order }];
        for await (const hits of engine.scan(own.name, { signal, sort, pageSize: 10 }))
          read.push(...hits.map(({ id }) => id));
        expect(read.sort()).toEqual([...ids].sort());
      }
      await own.remove();
    });

    test('parts together are the whole', async () => {
      const ids: string[] = [];
      for (const id of [0, 1, 2])
        for await (const hits of engine.scan(index.name, { signal, source: false, slice: { id, max: 3 } }))
          ids.push(...hits.map((hit) => hit.id));
      expect(ids.sort()).toEqual(sensors.map(({ id }) => id).sort());
    });

    test(`of documents with ${largeBytes / mebibyte} MiB each`, async () => {
      const { url, prefix } = await server();
      const own = await SearchIndex.create(url, `${prefix}large`, {
        mappings: { enabled: false },
        shards: 2,
      });
      const large = (i: number) => `{"n":${i},"text":"${String.fromCharCode(97 + i).repeat(largeBytes)}"}`;
      for (let i = 0; i < 4; i++) await own.put([[`${i}`, large(i)]]);
      await own.put(Array.from({ length: 200 }, (_, i) => [`small-${i}`, '{}']));
      const read = new Map<ByteString, ByteString>();
      for await (const hits of engine.scan(own.name, { signal }))
        for (const { id, source } of hits) read.set(id, source);
      expect(read.size).toBe(204);
      for (let i = 0; i < 4; i++) expect(read.get(`${i}` as ByteString) === large(i)).toBe(true);
      await own.remove();
    });
  });

  test('numbers keep every digit: in documents, in keys of terms, and as conditions', async () => {
    const { url, prefix } = await server();
    const own = await SearchIndex.create(url, `${prefix}digits`, {
      mappings: { ...mappings, dynamic: false },
      shards: 1,
    });
    const sources = [
      '{"meter_id":9007199254740993,"value":1.0,"numeric":0.1000000000000000055511151231257827,"n":123456789012345678901234567890}',
      '{"meter_id":-6078848508545849313, "value":1}',
      '{"meter_id":9007199254740992}',
    ];
    await own.put(sources.map((source, i) => [`${i}`, source]));
    const askOwn = async (asked: Partial<Asked>) =>
      engine.search(
        own.name,
        questionOf({ limit: 10, ...asked }, own.name, await engine.fields(own.name, signal), 0),
        signal,
      );
    const { hits, aggregations } = await askOwn({ aggregations: [parseAggregation('terms:meter_id')] });
    expect(hits.map(({ source }) => source).sort()).toEqual([...sources].sort());
    expect(
      buckets(aggregations['terms:meter_id'])
        .map(({ key }) => key)
        .sort(),
    ).toEqual(['-6078848508545849313', '9007199254740992', '9007199254740993']);
    const one = await askOwn({ where: [['meter_id', '9007199254740993']] });
    expect(one.hits.map(({ id }) => id)).toEqual(['0']);
    const high = await askOwn({ minValue: '9007199254740993', valueField: 'meter_id' });
    expect(high.hits.map(({ id }) => id)).toEqual(['0']);
    await own.remove();
  });

  test('a request in its own language is answered as it is', async () => {
    const body = {
      size: 1,
      track_total_hits: 5,
      query: { term: { type: 'gas' } },
      aggs: { most: { max: { field: 'value' } } },
    };
    const found = await engine.searchNative(index.name, JSON.stringify(body) as ByteString, signal);
    const gas = sensors.filter(({ type }) => type === 'gas');
    expect(found.total).toEqual({ count: 5, atLeast: true });
    expect(gas.map(sourceOf)).toContain(found.hits[0]!.source);
    expect(JSON.parse(found.aggregations!)).toEqual({
      most: { value: Math.max(...gas.map(({ value }) => value)) },
    });
  });
}

function buckets(
  result: Found['aggregations'][string] | undefined,
): readonly { key: string; count: number }[] {
  return result?.kind === 'buckets' ? result.buckets : [];
}

function tally(keys: readonly string[], isSorted = false): Map<string, number> {
  const counted = new Map<string, number>();
  for (const key of isSorted ? [...keys].sort() : keys) counted.set(key, (counted.get(key) ?? 0) + 1);
  return counted;
}

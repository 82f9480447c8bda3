import { describe, expect, test } from 'vitest';

import type { ByteString } from '../../../../src/lib/core/bytes.js';
import { parseAggregation } from '../../../../src/lib/search/query/aggregation-spec.js';
import { type Asked, questionOf } from '../../../../src/lib/search/query/asked.js';
import type { Found } from '../../../../src/lib/search/query/question.js';
import { SearchIndex } from './index-of.js';
import type { QueryWorld } from './query-world.js';
import { mappings, sourceOf } from './world.js';

/** Conditions on values, order, aggregations and digits. */
export function valueCases(world: QueryWorld): void {
  const { signal, ask, all, expectIds } = world;
  describe('values, times and keys', () => {
    test('all conditions hold at once, and the total is exact above 10,000', async () => {
      expect((await ask({ limit: 0 })).total).toEqual({ count: world.sensors.length, atLeast: false });
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
      const ordered = [...world.sensors]
        .sort((a, b) => b.value - a.value || (a.id < b.id ? -1 : 1))
        .map(({ id }) => id);
      expect(hits.map(({ id }) => id)).toEqual(ordered.slice(0, 30));
      const scanned: string[] = [];
      for await (const page of world.engine.scan(world.index.name, {
        signal,
        sort,
        source: false,
        pageSize: 1000,
      }))
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
      const types = tally(world.sensors.map(({ type }) => type));
      const top = [...types.values()].sort((a, b) => b - a).slice(0, 3);
      const terms = buckets(aggregations['terms:type:3']);
      expect(terms.map(({ count }) => count)).toEqual(top);
      for (const { key, count } of terms) expect(types.get(key)).toBe(count);
      expect(aggregations['terms:type:3']).toMatchObject({
        isCut: true,
        otherCount: world.sensors.length - top.reduce((a, b) => a + b),
        countError: 0,
      });
      expect(aggregations['terms:tags']).toMatchObject({
        isCut: false,
        otherCount: 0,
        buckets: [{ key: 'a', count: world.sensors.length }],
      });
      for (const [spec, length] of [
        ['date:time:1d', 10],
        ['date:time:1M', 7],
      ] as const) {
        const start = (time: string) => `${time.slice(0, length)}${length === 7 ? '-01' : ''}T00:00:00.000Z`;
        expect(new Map(buckets(aggregations[spec]).map(({ key, count }) => [key, count]))).toEqual(
          tally(
            world.sensors.map(({ time }) => start(time)),
            true,
          ),
        );
      }
      const cells = buckets(aggregations['geo:location:2']);
      expect(cells.reduce((sum, { count }) => sum + count, 0)).toBe(world.sensors.length);
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
      const values = world.sensors
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

  test('numbers keep every digit: in documents, in keys of terms, and as conditions', async () => {
    const { url, prefix } = world.server;
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
      world.engine.search(
        own.name,
        questionOf({ limit: 10, ...asked }, own.name, await world.engine.fields(own.name, signal), 0),
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
    const found = await world.engine.searchNative(
      world.index.name,
      JSON.stringify(body) as ByteString,
      signal,
    );
    const gas = world.sensors.filter(({ type }) => type === 'gas');
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

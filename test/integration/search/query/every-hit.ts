import { describe, expect, test } from 'vitest';

import { type ByteString, toBytes } from '../../../../src/lib/core/bytes.js';
import { SearchIndex } from './index-of.js';
import type { QueryWorld } from './query-world.js';
import { mappings, sourceOf } from './world.js';

export const mebibyte = 1024 * 1024;

/** Scans: each hit once, whatever happens meanwhile. @param largeBytes of a document */
export function everyHitCases(world: QueryWorld, largeBytes: number): void {
  const { signal } = world;
  describe('every hit', () => {
    test('once, as it was, while documents are written and deleted', async () => {
      const { url, prefix } = world.server;
      const own = await SearchIndex.create(url, `${prefix}moving`, { mappings, shards: 2 });
      const before = new Map(world.sensors.slice(0, 400).map((sensor) => [sensor.id, sourceOf(sensor)]));
      await own.put([...before]);
      const read = new Map<string, string>();
      let pages = 0;
      for await (const hits of world.engine.scan(own.name, { signal, pageSize: 40 })) {
        for (const { id, source } of hits) {
          expect(read.has(id)).toBe(false);
          read.set(id, source);
        }
        await own.delete(world.sensors[399 - pages]!.id);
        const some = world.sensors.slice(pages * 15, pages * 15 + 15).map(({ id }) => id);
        await own.put(some.map((id) => [pages % 2 === 0 ? id : `new-${id}`, '{"name":"changed"}']));
        pages++;
      }
      expect(pages).toBeGreaterThan(8);
      expect(read).toEqual(new Map([...before].map(([id, source]) => [id, toBytes(source)])));
      await own.remove();
    });

    test('in the order of times of nanoseconds, of which many are within a millisecond, and some missing', async () => {
      const { url, prefix } = world.server;
      const dated = { mappings: { properties: { at: { type: 'date_nanos' } } }, shards: 3 };
      const own = await SearchIndex.create(url, `${prefix}nanos`, dated);
      const at = (i: number) => `2026-11-29T12:00:00.000${String(i * 7919).padStart(6, '0')}Z`;
      const ids = Array.from({ length: 120 }, (_, i) => `${i}`);
      await own.put(ids.map((id, i) => [id, i % 3 === 0 ? '{}' : JSON.stringify({ at: at(i) })]));
      for (const order of ['asc', 'desc'] as const) {
        const read: string[] = [];
        const sort = [{ field: 'at', order }];
        for await (const hits of world.engine.scan(own.name, { signal, sort, pageSize: 20 }))
          read.push(...hits.map(({ id }) => id));
        expect(read.sort()).toEqual([...ids].sort());
      }
      await own.remove();
    });

    test('parts together are the whole', async () => {
      const ids: string[] = [];
      for (const id of [0, 1, 2])
        for await (const hits of world.engine.scan(world.index.name, {
          signal,
          source: false,
          slice: { id, max: 3 },
        }))
          ids.push(...hits.map((hit) => hit.id));
      expect(ids.sort()).toEqual(world.sensors.map(({ id }) => id).sort());
    });

    test(`of documents with ${largeBytes / mebibyte} MiB each`, async () => {
      const { url, prefix } = world.server;
      const own = await SearchIndex.create(url, `${prefix}large`, {
        mappings: { enabled: false },
        shards: 2,
      });
      const large = (i: number) => `{"n":${i},"text":"${String.fromCharCode(97 + i).repeat(largeBytes)}"}`;
      for (let i = 0; i < 3; i++) await own.put([[`${i}`, large(i)]]);
      await own.put(Array.from({ length: 50 }, (_, i) => [`small-${i}`, '{}']));
      const read = new Map<ByteString, ByteString>();
      for await (const hits of world.engine.scan(own.name, { signal }))
        for (const { id, source } of hits) read.set(id, source);
      expect(read.size).toBe(53);
      for (let i = 0; i < 3; i++) expect(read.get(`${i}` as ByteString) === large(i)).toBe(true);
      await own.remove();
    });
  });
}

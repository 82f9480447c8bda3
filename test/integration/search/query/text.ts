import { describe, expect, test } from 'vitest';

import { questionOf } from '../../../../src/lib/search/query/asked.js';
import { scaled } from '../../../scale.js';
import { SearchIndex } from './index-of.js';
import { counts, type QueryWorld, random } from './query-world.js';
import { areNear, edited, type Sensor, word } from './world.js';

/** What is found by words, against brute force. */
export function textCases(world: QueryWorld): void {
  const { signal, ask, all } = world;
  describe('text', () => {
    test.each([1, 2] as const)('every name with a word up to %i edits away is found', async (fuzziness) => {
      for (let run = 0; run < scaled(2); run++) {
        const asked = word(random);
        const found = await all({ text: asked, fuzziness });
        const isNear = (one: string) =>
          areNear(asked, one, fuzziness) && Math.min(one.length, asked.length) > fuzziness;
        const expected = world.sensors.filter(({ name }) => name.toLowerCase().split(' ').some(isNear));
        for (const { id, name } of expected)
          expect([asked, name, found.has(id)]).toEqual([asked, name, true]);
      }
    });

    test('a name with one letter wrong comes up among the first, as do all names so near', async () => {
      const real = world.sensors.slice(0, counts.real);
      for (let run = 0; run < scaled(3); run++) {
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
      expect(world.sensors.filter(({ id }) => found.has(id)).filter((one) => !isMeant(one))).toEqual([]);
      const plain = world.sensors.filter(({ name }) => name.split(' ').some((one) => words.has(one)));
      for (const { id } of plain) expect(found).toContain(id);
    });

    test('a reading of pairs of words is not one of every word', async () => {
      const { url, prefix } = world.server;
      const properties = { name: { type: 'search_as_you_type' } };
      const name = `${prefix}pairs`;
      let own: SearchIndex;
      try {
        own = await SearchIndex.create(url, name, { mappings: { properties }, shards: 1 });
      } catch (error) {
        expect(String(error)).toContain('search_as_you_type');
        console.log('this server has no search_as_you_type');
        return;
      }
      await own.put(
        ['feeder north', 'feeder south', 'north'].map((one, i) => [`${i}`, JSON.stringify({ name: one })]),
      );
      const fields = await world.engine.fields(name, signal);
      const find = async (text: string) =>
        (await world.engine.search(name, questionOf({ text, limit: 9 }, name, fields, 0), signal)).hits.map(
          ({ id }) => id,
        );
      expect(await find('feeder north')).toEqual(['0']);
      expect(await find('south feeder')).toEqual(['1']);
      await own.remove();
    });

    test('matches are marked, and each score is explained', async () => {
      const { name, id } = world.sensors[counts.real]!;
      const [first = ''] = name.split(' ');
      const { hits } = await ask({ text: name, highlight: true, explain: true, fuzziness: 0, limit: 50 });
      const hit = hits.find((one) => one.id === id)!;
      expect(hit.highlights!['name']!.join()).toContain(`\ue000${first}\ue001`);
      const { value } = JSON.parse(hit.explanation!) as { value: number };
      expect(value).toBeCloseTo(hit.score!, 3);
    });
  });
}

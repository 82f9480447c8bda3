import { describe, expect, test } from 'vitest';

import { scaled } from '../../../scale.js';
import { counts, type QueryWorld, random } from './query-world.js';
import { areNear, edited, type Sensor, word } from './world.js';

/** What is found by words, against brute force. */
export function textCases(world: QueryWorld): void {
  const { ask, all } = world;
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

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { toBytes } from '../../../src/lib/core/bytes.js';
import { visibleWidth } from '../../../src/runtime/wrap.js';
import { hitTable } from '../../../src/ui/search-hits.js';
import { replayable } from '../../random.js';
import { scaled } from '../../scale.js';

const { seed } = replayable('tables of hits');

function table(documents: readonly object[], width: number | undefined, areChosen = false): string[] {
  const sources = documents.map((document) => toBytes(JSON.stringify(document)));
  const hits = sources.map((source, i) => ({ id: toBytes(`s${i}`), source }));
  return hitTable(hits, sources, { width, areChosen }).split('\n').slice(0, -1);
}

const names = ['name', 'type', 'unit', 'value', 'time', 'location_text'];
const document = fc.dictionary(
  fc.constantFrom(...names),
  fc.oneof(fc.string({ maxLength: 30 }), fc.double(), fc.integer()),
);

test('fits into the width; each field is a column, or named below', () => {
  fc.assert(
    fc.property(
      fc.array(document, { minLength: 2, maxLength: 5 }),
      fc.integer({ min: 40, max: 160 }),
      (documents, width) => {
        const lines = table(documents, width);
        for (const line of lines) expect(visibleWidth(line)).toBeLessThanOrEqual(width);
        const shown = lines[0]!.split(/ +/);
        const note = lines.slice(documents.length + 1).join(' ');
        for (const name of new Set(documents.flatMap(Object.keys)))
          expect([name, shown.includes(name) || note.includes(name)]).toEqual([name, true]);
      },
    ),
    { seed, numRuns: scaled(200) },
  );
});

const wide = {
  name: 'Transformer North',
  location: { lat: 51.34, lon: 12.37 },
  tags: ['a', 'b'],
  note: 'x'.repeat(40),
};

test('a place is shown as --near takes it, and a list with commas', () => {
  expect(table([wide, wide], undefined)[1]).toContain('Transformer North  51.34,12.37  a, b');
});

test('one hit, and fields that were chosen, are shown whole', () => {
  for (const lines of [table([wide], 40), table([wide, wide], 40, true)]) {
    expect(lines).toContain('name      Transformer North');
    expect(lines.join('\n')).not.toContain('no room');
  }
});

test('what would move the cursor is visible', () => {
  expect(table([{ name: '\u001b[2Jx\n' }], 80).join()).toContain(String.raw`\x1b[2Jx\n`);
});

import { expect, it } from 'vitest';

import { Reasons } from '../../../src/lib/search/bulk/reasons.js';

it('reasons that differ in ids, numbers and quoted values are counted as one, the most frequent first', () => {
  const reasons = new Reasons();
  for (let line = 1; line <= 4; line++)
    reasons.add(
      `document_parsing_exception: [1:${line}] failed to parse field [value] of type [float] in document with id 'm${line}'. Preview of field's value: 'x${line}'`,
      line,
    );
  for (const id of ['a', 'b'])
    reasons.add(
      `version_conflict_engine_exception: [${id}]: version conflict, document already exists`,
      undefined,
    );
  reasons.add('document_parsing_exception: [1:1] failed to parse field [other] of type [float]', 9);
  expect(reasons.top(2)).toEqual([
    { count: 4, firstLine: 1, reason: expect.stringContaining("id 'm1'") as string },
    { count: 2, reason: expect.stringContaining('[a]: version conflict') as string },
  ]);
  expect(reasons.top(10)).toHaveLength(3);
});

it('memory is bounded: beyond a thousand reasons the others are counted together', () => {
  const reasons = new Reasons();
  const letters = (n: number) => [...String(n)].map((digit) => 'abcdefghij'[Number(digit)]).join('');
  for (let n = 0; n < 1500; n++) reasons.add(`reason ${letters(n)}`, n);
  expect(reasons.top(1)).toEqual([{ reason: 'other reasons', count: 500 }]);
});

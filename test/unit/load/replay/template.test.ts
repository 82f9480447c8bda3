import fc from 'fast-check';
import { expect, it } from 'vitest';

import { templateOf } from '../../../../src/lib/load/replay/template.js';

it.each([
  ['/meters/17/latest?from=1&to=2', '/meters/{id}/latest'],
  ['/api/v1/meters/0c8e5a3e-8f0e-4d8a-9d57-5b6f9f0f2d11', '/api/v1/meters/{id}'],
  ['/api/v1/analytics/forecast', '/api/v1/analytics/forecast'],
  ['/reports/2026-10-10/meter-17.pdf', '/reports/{id}/meter-{id}.pdf'],
  ['/assets/main.8f3ab2c1.js', '/assets/main.{id}.js'],
  ['/static/jquery-3.6.0.min.js', '/static/jquery-{id}.min.js'],
  ['/objects/507f1f77bcf86cd799439011', '/objects/{id}'],
  ['/deadbeef/facade', '/deadbeef/facade'],
  ['/', '/'],
  ['/?q=17', '/'],
])('%s is counted as %s', (path, name) => expect(templateOf(path)).toBe(name));

it('is the same for all ids, and for the template itself', () => {
  const id = fc.oneof(
    fc.nat().map(String),
    fc.bigInt({ min: 0n, max: 10n ** 30n }).map(String),
    fc.uuid(),
    fc.uuid().map((text) => text.toUpperCase()),
  );
  const word = fc.stringMatching(/^[g-z]{1,8}$/);
  const segment = fc.oneof(
    word,
    id.map((text) => ({ id: text })),
  );
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1 }), (segments) => {
      const text = (each: (id: string) => string) =>
        segments.map((one) => `/${typeof one === 'string' ? one : each(one.id)}`).join('');
      expect(templateOf(text((one) => one))).toBe(text(() => '{id}'));
      expect(templateOf(text(() => '{id}'))).toBe(text(() => '{id}'));
    }),
  );
});

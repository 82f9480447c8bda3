import fc from 'fast-check';
import { expect, test } from 'vitest';

import { Rotation } from '../../../../src/lib/clients/search/rotation.js';

const members = ['a', 'b', 'c', 'd'];

test('members are asked in turn', () => {
  const rotation = new Rotation(members, { monotonic: () => 0 });
  expect(Array.from({ length: 8 }, () => rotation.order()[0])).toEqual([...members, ...members]);
});

test('who could not be reached comes last for 30 s, and everybody is tried', () => {
  const event = fc.oneof(
    fc.record({
      kind: fc.constantFrom('rest' as const, 'wake' as const),
      member: fc.constantFrom(...members),
    }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 40_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      let now = 1000;
      const rotation = new Rotation(members, { monotonic: () => now });
      const failed = new Map<string, number>();
      for (const one of events) {
        if (one.kind === 'pass') now += one.ms;
        else if (one.kind === 'rest') {
          rotation.rest(one.member);
          failed.set(one.member, now);
        } else {
          rotation.wake(one.member);
          failed.delete(one.member);
        }
        const order = rotation.order();
        expect([...order].sort()).toEqual(members);
        const isResting = (member: string) => now - (failed.get(member) ?? -Infinity) < 30_000;
        // Those that rest are at the end, the longest first.
        const resting = members.filter(isResting);
        expect(new Set(order.slice(members.length - resting.length))).toEqual(new Set(resting));
        const times = order.filter(isResting).map((member) => failed.get(member)!);
        expect(times).toEqual([...times].sort((a, b) => a - b));
      }
    }),
  );
});

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { parseOwnSlots } from '../../../src/lib/clients/redis/slot-watch.js';

const id = '07c37dfeb235213a872192d90877d0cd55635b91';
const slot = fc.integer({ min: 0, max: 16_383 });
const range = fc.tuple(slot, slot).map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]);
const flags = fc.constantFrom('myself,master', 'master,myself', 'myself,slave', 'myself');

test("a node's own slots are read from its line among the others", () => {
  fc.assert(
    fc.property(
      fc.array(range),
      fc.array(fc.tuple(slot, fc.boolean())),
      flags,
      fc.nat({ max: 3 }),
      (ranges, open, own, before) => {
        const words = [
          ...ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)),
          ...open.map(([number, leaves]) => `[${number}-${leaves ? '>' : '<'}-${id}]`),
        ];
        const line = (mark: string, slots: string[]) =>
          [
            id,
            '127.0.0.1:30004@31004,host-1',
            mark,
            '-',
            '0',
            '1426238317239',
            '4',
            'connected',
            ...slots,
          ].join(' ');
        const others = Array.from({ length: before }, () => line('master', ['0-100', `[7->-${id}]`]));
        const text = [...others, line(own, words), line('slave', [])].join('\n') + '\n';
        expect(parseOwnSlots(text)).toEqual({ ranges, open: open.map(([number]) => number) });
      },
    ),
  );
});

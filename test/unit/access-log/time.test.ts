import fc from 'fast-check';
import { expect, it } from 'vitest';

import { parseLogTime } from '../../../src/lib/access-log/time.js';
import type { ByteString } from '../../../src/lib/core/bytes.js';

const timeOf = (text: string) => parseLogTime(text as ByteString);

it.each([
  ['10/Oct/2025:13:55:36 +0200', Date.UTC(2025, 9, 10, 11, 55, 36), false],
  ['10/Oct/2025:13:55:36.250 -0330', Date.UTC(2025, 9, 10, 17, 25, 36, 250), true],
  ['2025-10-10T13:55:36.5Z', Date.UTC(2025, 9, 10, 13, 55, 36, 500), true],
  ['2025-10-10 13:55:36', Date.UTC(2025, 9, 10, 13, 55, 36), false],
  ['2025-10-10T13:55:36+05:30', Date.UTC(2025, 9, 10, 8, 25, 36), false],
  ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1), false],
  ['1760104536', 1_760_104_536_000, false],
  ['1760104536.125', 1_760_104_536_125, true],
  ['1760104536125', 1_760_104_536_125, true],
  ['1760104536125500', 1_760_104_536_125.5, true],
])('%s', (text, ms, isFine) => expect(timeOf(text)).toEqual({ ms, isFine }));

it.each(['', '-', 'yesterday', '30/Feb/2025:13:55:36 +0000', '10/Okt/2025:13:55:36 +0000', '0.003', '12'])(
  '%j is no time',
  (text) => expect(timeOf(text)).toBeUndefined(),
);

it('reads what Date writes, to the millisecond, in any zone', () => {
  const date = fc.date({
    min: new Date('2001-09-09T02:00:00Z'),
    max: new Date('2200-01-01'),
    noInvalidDate: true,
  });
  fc.assert(
    fc.property(date, fc.integer({ min: -14 * 60, max: 14 * 60 }), (moment, zone) => {
      const ms = moment.getTime();
      expect(timeOf(moment.toISOString())).toEqual({ ms, isFine: true });
      expect(timeOf(`${ms}`)).toEqual({ ms, isFine: true });
      const [, day, month, year, clock] = /, (\d\d) (\w+) (\d+) (.*) GMT/.exec(
        new Date(ms + zone * 60_000).toUTCString(),
      )!;
      const digits = (n: number) => `${Math.floor(n)}`.padStart(2, '0');
      const offset = `${zone < 0 ? '-' : '+'}${digits(Math.abs(zone) / 60)}${digits(Math.abs(zone) % 60)}`;
      expect(timeOf(`${day}/${month}/${year}:${clock} ${offset}`)).toEqual({
        ms: Math.floor(ms / 1000) * 1000,
        isFine: false,
      });
    }),
  );
});

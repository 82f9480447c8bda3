/* Tables of which a type makes trouble for one reader or another, and what is in them, as readers are asked. */

/** Of each type a value that is easily lost, and a null. */
export const manyReaders = {
  sql: `SELECT row, id, at, zoned, lasts, doc, seen, price::numeric(9,2) AS price, address FROM (VALUES
      (1, uuid 'f81d4fae-7dec-11d0-a765-00a0c91e6bf6', time '23:59:59.999999', timetz '01:02:03.000001+05:30',
       interval '1 mon -3 days 00:00:00.000001', jsonb '{"a": [1, null]}', timestamptz '2026-03-29 03:00:00.123456+02',
       -0.01, inet '::ffff:10.0.0.1'),
      (2, '00000000-0000-0000-0000-000000000000', '00:00', '00:00:00-15:59', '-178000000 years 2147483647 days -9223372036854.775808 s',
       'null', '1969-12-31 23:59:58.5+00', 9999999.99, '10.0.0.0/8'),
      (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
    ) AS t (row, id, at, zoned, lasts, doc, seen, price, address) ORDER BY row`,
  rows: [
    [
      '1',
      'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
      '86399999999',
      '01:02:03.000001+05:30',
      { months: '1', days: '-3', micros: '1' },
      '{"a": [1, null]}',
      '1774746000123456',
      '-0.01',
      '::ffff:10.0.0.1',
    ],
    [
      '2',
      '00000000-0000-0000-0000-000000000000',
      '0',
      '00:00:00-15:59',
      { months: '-2136000000', days: '2147483647', micros: '-9223372036854775808' },
      'null',
      '-1500000',
      '9999999.99',
      '10.0.0.0/8',
    ],
    ['3', null, null, null, null, null, null, null, null],
  ],
} as const;

/** Microseconds since 1970: of the times at both ends, and of those where calendars and divisions go wrong. */
export const farTimes = {
  sql: `SELECT row, at, at AT TIME ZONE 'UTC' AS instant, CASE WHEN row > 1 THEN at::date END AS day FROM (VALUES
      (1, timestamp '294247-01-10 04:00:54.775807'), (2, '4713-01-01 BC'), (3, '0001-01-01'), (4, '1500-03-01'),
      (5, '1969-12-31 23:59:59.999999'), (6, '1969-12-31 23:59:58.000001'), (7, '1582-10-10 12:00'), (8, NULL)
    ) AS t (row, at) ORDER BY row`,
  rows: [
    ['1', '9223372036854775807', null],
    ['2', '-210863520000000000', '-2440550'],
    ['3', '-62135596800000000', '-719162'],
    ['4', '-14826672000000000', '-171605'],
    ['5', '-1', '-1'],
    ['6', '-1999999', '-1'],
    ['7', '-12219681600000000', '-141432'],
    ['8', null, null],
  ].map(([row, micros, day]) => [row, micros, micros, day]),
};

/** The ends of decimals of each width, and numbers that binary fractions or a fixed scale would change. */
export const decimals = {
  sql: `SELECT row, small::numeric(9,2) AS small, middle::numeric(18,4) AS middle, large::numeric(38,10) AS large,
      rounded::numeric(5,-2) AS rounded, free FROM (VALUES
      (1, numeric '9999999.99', numeric '99999999999999.9999', numeric '9999999999999999999999999999.9999999999',
       numeric '12345', numeric '0.000067'),
      (2, '-9999999.99', '-99999999999999.9999', '-9999999999999999999999999999.9999999999', '-9999900', '1e-200'),
      (3, 0, 0, 0, 0, '1e200'),
      (4, '-0.01', '-0.01', '-0.01', '49', 'NaN'),
      (5, '0.1', '0.1', '0.1', '50', '0.10'),
      (6, NULL, NULL, NULL, NULL, 'Infinity')
    ) AS t (row, small, middle, large, rounded, free) ORDER BY row`,
  rows: [
    [
      '1',
      '9999999.99',
      '99999999999999.9999',
      '9999999999999999999999999999.9999999999',
      '12300',
      '0.000067',
    ],
    [
      ...['2', '-9999999.99', '-99999999999999.9999', '-9999999999999999999999999999.9999999999', '-9999900'],
      `0.${'0'.repeat(199)}1`,
    ],
    ['3', '0.00', '0.0000', '0.0000000000', '0', `1${'0'.repeat(200)}`],
    ['4', '-0.01', '-0.0100', '-0.0100000000', '0', 'NaN'],
    ['5', '0.10', '0.1000', '0.1000000000', '100', '0.10'],
    ['6', null, null, null, null, 'Infinity'],
  ],
} as const;

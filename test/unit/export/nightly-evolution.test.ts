import { expect, test } from 'vitest';

import { readers } from '../../../src/lib/columnar/reader-profiles.js';
import { mergeColumns } from '../../../src/lib/export/evolution.js';

const of = (type: string) => [{ name: 'x', type }];

test('columns come and go for every reader', () => {
  const [id, unit, value] = ['id', 'unit', 'value'].map((name) => ({ name, type: 'int32' })) as [
    { name: string; type: string },
    { name: string; type: string },
    { name: string; type: string },
  ];
  for (const reader of readers)
    expect(mergeColumns([id, value], [unit, id], reader)).toEqual([id, value, unit]);
});

// What Spark 4.0.1, DuckDB 2.0.1 and pyarrow 26 made of two such files.
test.each([
  ['decimal(9, 2)', 'decimal(20, 2)', 'decimal(20, 2)', 'decimal(20, 2)'],
  ['decimal(9, 2)', 'decimal(12, 4)', 'decimal(12, 4)', undefined],
  ['decimal(9, 2)', 'decimal(9, 4)', 'decimal(11, 4)', undefined],
  ['decimal(38, 0)', 'decimal(38, 4)', undefined, undefined],
  ['int16', 'int32', 'int32', undefined],
  ['int32', 'int64', 'int64', undefined],
  ['float32', 'float64', 'float64', undefined],
  ['int32', 'float64', undefined, undefined],
  ['int64', 'text', undefined, undefined],
  ['timestamp', 'timestamp (UTC)', undefined, undefined],
])('%s and %s in one column', (one, other, duckdb, spark) => {
  for (const [before, now] of [
    [one, other],
    [other, one],
  ] as const)
    for (const [reader, merged] of [
      ['duckdb', duckdb],
      ['spark', spark],
      ['all', spark],
    ] as const) {
      const merge = () => mergeColumns(of(before), of(now), reader);
      if (merged === undefined) expect(merge).toThrow(/'x' was .* and is .* now/);
      else expect(merge()).toEqual(of(merged));
    }
});

test('a name that differs in capital letters only is refused', () => {
  expect(() => mergeColumns(of('text'), [{ name: 'X', type: 'text' }], 'all')).toThrow(/capital letters/);
});

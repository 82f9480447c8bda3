import { describe, expect, test } from 'vitest';

import { tableScan } from '../../../src/lib/sql/table-scan.js';

describe('a query of one table', () => {
  // Of PostgreSQL 16 to 18; those of all releases are run, in test/integration/export.
  test.each([
    'select json_arrayagg(v) from t',
    'select json_objectagg(k : v) from t',
    'select json_object(k : v) from t',
    'select json_value(doc, $$x$$) from t',
    'select array(select 1) from t',
    'select xmlagg(x) over () from t limit 1',
    'select grouping(a) from t group by a',
  ])('is not one whose expressions may take other rows: %s', async (sql) => {
    expect(await tableScan(sql)).toBeUndefined();
  });

  test('says what its columns call, and takes a condition', async () => {
    const scan = (await tableScan('select lower(a), r.b + 1, (c).d from "S"."T" as r where a > 1 or b'))!;
    expect(scan.table).toBe('"S"."T"');
    expect(scan.calls).toEqual({ functions: ['lower', 'b', 'd'], operators: ['+'] });
    expect(await scan.where("ctid < '(1,0)'")).toMatch(/WHERE \(?\(?a > 1 OR b\)? AND ctid < '\(1,0\)'\)?$/);
  });
});

import fc from 'fast-check';
import { parse } from 'libpg-query';
import { describe, expect, test } from 'vitest';
import { selectOnly } from '../../../src/lib/sql/select-only.js';
import { queries, unprintable } from './queries.js';
import { scaled } from '../../scale.js';

const refusal = (code?: string) =>
  expect.objectContaining({ name: 'UserError', exitCode: 2, ...(code ? { code } : {}) });

/** The tree as text without the places in the source; independent of what selectOnly compares. */
async function tree(sql: string): Promise<string> {
  const { stmts } = await parse(sql);
  return JSON.stringify(stmts!.map(({ stmt }) => stmt)).replace(
    /,?"(?:location|\w*(?:list_start|list_end|_location))":-?\d+/g,
    '',
  );
}

describe('a query', () => {
  test.each(queries)('is printed as the same query: %s', async (sql) => {
    const printed = await selectOnly(sql);
    expect((await tree(printed)).replaceAll('{,', '{')).toBe((await tree(sql)).replaceAll('{,', '{'));
    expect(printed).not.toMatch(/;\s*$/);
    const { stmts } = await parse(`COPY (SELECT * FROM (${printed}) AS q) TO STDOUT`);
    expect(stmts).toHaveLength(1);
  });

  test('loses its comments', async () => {
    expect(await selectOnly('/* a */ select 1 -- b\n; -- c')).toBe('SELECT 1');
  });

  test.each(unprintable)('that cannot be printed is refused: %s', async (sql) => {
    await expect(selectOnly(sql)).rejects.toEqual(refusal('SQL_UNSUPPORTED'));
  });
});

describe('what is refused', () => {
  test.each([
    ["select 1) to program 'touch /tmp/x' --", 'SQL_INVALID'],
    ["select 1) to '/tmp/x' --", 'SQL_INVALID'],
    ['select 1; select 2', 'SQL_NOT_A_SELECT'],
    ['select 1; drop table readings', 'SQL_NOT_A_SELECT'],
    ['', 'SQL_INVALID'],
    ['-- nothing', 'SQL_INVALID'],
    [';', 'SQL_INVALID'],
    ['selec 1', 'SQL_INVALID'],
    ["select 'open", 'SQL_INVALID'],
    ['select 1\0; drop table x', 'SQL_INVALID'],
    ['insert into t values (1) returning *', 'SQL_NOT_A_SELECT'],
    ['update t set a = 1', 'SQL_NOT_A_SELECT'],
    ['delete from t', 'SQL_NOT_A_SELECT'],
    ['merge into t using u on true when matched then delete', 'SQL_NOT_A_SELECT'],
    ['create table t as select 1', 'SQL_NOT_A_SELECT'],
    ['explain analyze select 1', 'SQL_NOT_A_SELECT'],
    ["copy (select 1) to program 'id'", 'SQL_NOT_A_SELECT'],
    ['do $$ begin end $$', 'SQL_NOT_A_SELECT'],
    ['set role postgres', 'SQL_NOT_A_SELECT'],
    ['begin', 'SQL_NOT_A_SELECT'],
    ['prepare p as select 1', 'SQL_NOT_A_SELECT'],
    ['declare c cursor for select 1', 'SQL_NOT_A_SELECT'],
    ['select 1 into t', 'SQL_NOT_A_SELECT'],
    ['select * into temp t from u', 'SQL_NOT_A_SELECT'],
    ['with d as (delete from t returning *) select * from d', 'SQL_NOT_A_SELECT'],
    [
      'select * from (with i as (insert into t values (1) returning id) select * from i) x',
      'SQL_NOT_A_SELECT',
    ],
    ['select (with u as (update t set a = 1 returning a) select a from u)', 'SQL_NOT_A_SELECT'],
    [
      'with m as (merge into t using u on true when matched then delete returning *) table m',
      'SQL_NOT_A_SELECT',
    ],
    ['select * from t for update', 'SQL_NOT_A_SELECT'],
    ['select * from (select * from t for share) x', 'SQL_NOT_A_SELECT'],
    ['select * from t for no key update skip locked', 'SQL_NOT_A_SELECT'],
    ['select $1', 'SQL_NOT_A_SELECT'],
  ])('%j', async (sql, code) => {
    await expect(selectOnly(sql)).rejects.toEqual(refusal(code));
  });

  test('whatever is appended: never more than one query, and what is printed ends inside our parenthesis', async () => {
    const parts = [
      ')', '(', ';', '--', '/*', '*/', "'", '"', '$$', '$x$', 'E\'', '\\', '\n', ' ',
      'to program', "'touch /tmp/x'", 'to stdout', 'select 2', 'union select 3', 'drop table t', 'from t', 'as x', ', 4', 'limit 1',
      "U&'\\0027'", 'with (format binary)', 'for update', 'into t',
    ]; // prettier-ignore
    let accepted = 0;
    const suffix = fc.array(fc.oneof(fc.constantFrom(...parts), fc.string({ maxLength: 3 })), {
      maxLength: 6,
    });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...queries.slice(0, 12)), suffix, async (query, tail) => {
        const sql = `${query} ${tail.join(' ')}`;
        const printed = await selectOnly(sql).catch((error: unknown) => {
          expect(error).toEqual(refusal());
          return undefined;
        });
        if (printed === undefined) return;
        accepted++;
        const { stmts } = await parse(`COPY (${printed}) TO STDOUT`);
        expect(stmts).toHaveLength(1);
        const copy = (stmts![0]!.stmt as { CopyStmt: Record<string, unknown> }).CopyStmt;
        expect(Object.keys(copy)).toEqual(['query']);
        expect(Object.keys(copy.query as object)).toEqual(['SelectStmt']);
        expect(await tree(printed)).toBe(await tree(sql));
      }),
      { numRuns: scaled(1500) },
    );
    expect(accepted).toBeGreaterThan(50);
  });
});

import fc from 'fast-check';
import { parse } from 'libpg-query';
import { expect, test } from 'vitest';
import { quoteIdentifier, quoteLiteral } from '../../../src/lib/sql/quote.js';

const text = fc.string({ unit: fc.oneof(fc.constantFrom("'", '"', '\\', '\n', ';', '--', 'é', '😀'), fc.string({ minLength: 1, maxLength: 1 })), maxLength: 12 }).filter((s) => !s.includes('\0')); // prettier-ignore

test('PostgreSQL’s parser reads a quoted literal and identifier back as they were', async () => {
  await fc.assert(
    fc.asyncProperty(text, text, async (value, name) => {
      fc.pre(name !== '' && Buffer.byteLength(name) < 64);
      const { stmts } = await parse(`select${quoteLiteral(value)} as ${quoteIdentifier(name)}`);
      const target = JSON.parse(JSON.stringify(stmts)) as [
        {
          stmt: {
            SelectStmt: {
              targetList: [{ ResTarget: { name: string; val: { A_Const: { sval: { sval?: string } } } } }];
            };
          };
        },
      ];
      expect(target).toHaveLength(1);
      const { ResTarget } = target[0].stmt.SelectStmt.targetList[0];
      expect(ResTarget.name).toBe(name);
      expect(ResTarget.val.A_Const.sval.sval ?? '').toBe(value);
    }),
  );
});

test('a NUL byte is refused', () => {
  expect(() => quoteLiteral('a\0b')).toThrow(/NUL/);
  expect(() => quoteIdentifier('a\0b')).toThrow(/NUL/);
});

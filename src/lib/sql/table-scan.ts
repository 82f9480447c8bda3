import { loadParser } from './parser.js';
import { quoteIdentifier } from './quote.js';
import { type Calls, callsIn } from './repeatable.js';

type Node = Record<string, unknown>;

/** A query that reads one table, row by row. */
export interface TableScan {
  /** As the query names it: `public.readings`, quoted. */
  readonly table: string;
  /** What its columns call: an aggregate among these makes one row of many. */
  readonly calls: Calls;
  /** The query, with a condition more. */
  where(condition: string): Promise<string>;
}

/** Parts of a SELECT that leave each row of the table what it is, or leave it out. */
const clauses = new Set(['targetList', 'fromClause', 'whereClause', 'limitOption', 'op']);

/** Expressions whose value depends on one row. A new release of PostgreSQL may bring others that do not: SQL/JSON has aggregates. */
const expressions = new Set([
  ...[
    'ResTarget',
    'ColumnRef',
    'A_Star',
    'A_Const',
    'A_Indirection',
    'A_Indices',
    'String',
    'Integer',
    'List',
  ],
  ...['A_Expr', 'BoolExpr', 'NullTest', 'BooleanTest', 'CaseExpr', 'CaseWhen', 'CoalesceExpr', 'MinMaxExpr'],
  ...[
    'TypeCast',
    'TypeName',
    'CollateClause',
    'A_ArrayExpr',
    'RowExpr',
    'FuncCall',
    'NamedArgExpr',
    'SQLValueFunction',
  ],
]);

/**
 * Undefined where the query does anything else, or might.
 * @param sql as `selectOnly` prints it
 */
export async function tableScan(sql: string): Promise<TableScan | undefined> {
  const { parse, deparse } = await loadParser();
  const parsed = await parse(sql);
  const select = (parsed.stmts as { stmt: Node }[])[0]!.stmt['SelectStmt'] as Node;
  const from = (select['fromClause'] ?? []) as Node[];
  const range = from[0]?.['RangeVar'] as { relname: string; schemaname?: string } | undefined;
  if (from.length !== 1 || !range || Object.keys(select).some((key) => !clauses.has(key))) return undefined;
  if (select['op'] !== 'SETOP_NONE' || !isOfOneRow(select['targetList'])) return undefined;

  return {
    table: [range.schemaname, range.relname]
      .flatMap((name) => (name ? [quoteIdentifier(name)] : []))
      .join('.'),
    calls: callsIn(select['targetList']),
    async where(condition) {
      const added = await parse(`SELECT WHERE ${condition}`);
      const addedSelect = (added.stmts as { stmt: Node }[])[0]!.stmt['SelectStmt'] as Node;
      const args = [select['whereClause'], addedSelect['whereClause']].filter((each) => each !== undefined);
      const whereClause = args.length === 1 ? args[0] : { BoolExpr: { boolop: 'AND_EXPR', args } };
      const statement = { SelectStmt: { ...select, whereClause } };
      const stmts = [{ stmt: statement }];
      const text = await deparse({ version: parsed.version ?? 0, stmts } as never, { pretty: false });
      return text.trim().replace(/;$/, '');
    },
  };
}

/** Kinds of nodes begin with a capital, as no name of a node's parts does. */
function isOfOneRow(value: unknown): boolean {
  if (Array.isArray(value)) return value.every(isOfOneRow);
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(
    ([key, child]) => (!/^[A-Z]/.test(key) || expressions.has(key)) && isOfOneRow(child),
  );
}

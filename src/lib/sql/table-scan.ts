import { loadParser } from './parser.js';
import { quoteIdentifier } from './quote.js';

type Node = Record<string, unknown>;

/** A query that reads one table, row by row. */
export interface TableScan {
  /** As the query names it: `public.readings`, quoted. */
  readonly table: string;
  /** The query, with a condition more. */
  where(condition: string): Promise<string>;
}

const harmless = new Set(['targetList', 'fromClause', 'whereClause', 'limitOption', 'op']);

/**
 * Undefined where the query does anything else, or might: a function among its columns may be an aggregate.
 * @param sql as `selectOnly` prints it
 */
export async function tableScan(sql: string): Promise<TableScan | undefined> {
  const { parse, deparse } = await loadParser();
  const parsed = await parse(sql);
  const select = (parsed.stmts as { stmt: Node }[])[0]!.stmt['SelectStmt'] as Node;
  const from = (select['fromClause'] ?? []) as Node[];
  const range = from[0]?.['RangeVar'] as { relname: string; schemaname?: string; inh?: boolean } | undefined;
  if (from.length !== 1 || !range || Object.keys(select).some((key) => !harmless.has(key))) return undefined;
  if (select['op'] !== 'SETOP_NONE' || /"(FuncCall|SubLink)":/.test(JSON.stringify(select['targetList'])))
    return undefined;

  return {
    table: [range.schemaname, range.relname]
      .flatMap((name) => (name ? [quoteIdentifier(name)] : []))
      .join('.'),
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

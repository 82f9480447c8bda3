import { loadParser } from './parser.js';

type Node = Record<string, unknown>;

/** Names that a query calls, without their schemas. */
export interface Calls {
  /** Also those of columns that may be functions: `r.total` is `total(r)` where r has no such column. */
  readonly functions: readonly string[];
  readonly operators: readonly string[];
}

export interface Repeatability {
  /** What may give other rows or values each time that the query runs, or in each connection: `LIMIT`. */
  readonly changing: string | undefined;
  /** What may do so as well, if PostgreSQL has it as volatile. */
  readonly calls: Calls;
}

/** What of a query decides whether it gives the same rows again, in the same snapshot. */
export async function repeatability(sql: string): Promise<Repeatability> {
  const { parse } = await loadParser();
  const { stmts } = await parse(sql);
  return { changing: changingIn(stmts), calls: callsIn(stmts) };
}

/** @param tree of the parser */
export function callsIn(tree: unknown): Calls {
  const functions = new Set<string>();
  const operators = new Set<string>();
  for (const [key, value] of nodesIn(tree)) {
    const { funcname, fields, indirection, name } = value as Record<string, Node[] | undefined>;
    if (key === 'FuncCall') functions.add(namesIn(funcname).at(-1)!);
    else if (key === 'ColumnRef') for (const each of namesIn(fields).slice(1)) functions.add(each);
    else if (key === 'A_Indirection') for (const each of namesIn(indirection)) functions.add(each);
    else if (key === 'A_Expr') for (const each of namesIn(name).slice(-1)) operators.add(each);
  }
  return { functions: [...functions], operators: [...operators] };
}

/** These are of the transaction, and each connection has its own. */
const times = new Set(['now', 'transaction_timestamp', 'statement_timestamp']);
const timeWords = /^\s*(now|today|tomorrow|yesterday)\s*$/i;

function changingIn(tree: unknown): string | undefined {
  for (const [key, value] of nodesIn(tree)) {
    const { funcname, over, op, sval, limitCount, limitOffset, distinctClause } = value as Record<
      string,
      never
    >;
    const called = key === 'FuncCall' ? namesIn(funcname).at(-1)! : '';
    if (times.has(called)) return `${called}()`;
    if (over !== undefined) return 'a window function';
    if (key === 'SQLValueFunction' && /_(DATE|(LOCAL)?TIME)/.test(op)) return 'the current time';
    if (key === 'A_Const' && timeWords.test((sval as Node | undefined)?.['sval'] as string))
      return 'the current time';
    if (key === 'RangeTableSample') return 'TABLESAMPLE';
    if (limitCount !== undefined || limitOffset !== undefined) return 'LIMIT';
    if ((distinctClause as Node[] | undefined)?.some((each) => Object.keys(each).length > 0))
      return 'DISTINCT ON';
  }
  return undefined;
}

/** All objects of the tree, by what they are called in the one above. */
function* nodesIn(tree: unknown, key = ''): Generator<[key: string, node: Node]> {
  if (typeof tree !== 'object' || tree === null) return;
  if (Array.isArray(tree)) for (const each of tree) yield* nodesIn(each, key);
  else {
    yield [key, tree as Node];
    for (const [name, child] of Object.entries(tree)) yield* nodesIn(child, name);
  }
}

function namesIn(nodes: readonly Node[] | undefined): string[] {
  return (nodes ?? []).flatMap(({ String: name }) => (name as { sval?: string } | undefined)?.sval ?? []);
}

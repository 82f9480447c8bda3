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
  for (const [key, node] of nodesIn(tree)) {
    if (key === 'FuncCall') functions.add(namesIn(node['funcname']).at(-1)!);
    else if (key === 'ColumnRef') for (const name of namesIn(node['fields']).slice(1)) functions.add(name);
    else if (key === 'A_Indirection') for (const name of namesIn(node['indirection'])) functions.add(name);
    else if (key === 'A_Expr') for (const name of namesIn(node['name']).slice(-1)) operators.add(name);
  }
  return { functions: [...functions], operators: [...operators] };
}

/** These are of the transaction, and each connection has its own. */
const times = new Set(['now', 'transaction_timestamp', 'statement_timestamp']);
const timeWords = /^\s*(now|today|tomorrow|yesterday)\s*$/i;

function changingIn(tree: unknown): string | undefined {
  for (const [key, node] of nodesIn(tree)) {
    const called = key === 'FuncCall' ? namesIn(node['funcname']).at(-1)! : '';
    if (times.has(called)) return `${called}()`;
    if (isTime(key, node)) return 'the current time';
    if ('over' in node) return 'a window function';
    if (key === 'RangeTableSample') return 'TABLESAMPLE';
    if ('limitCount' in node || 'limitOffset' in node) return 'LIMIT';
    // Of a plain DISTINCT, the one expression is empty.
    const distinct = (node['distinctClause'] ?? []) as Node[];
    if (distinct.some((each) => Object.keys(each).length > 0)) return 'DISTINCT ON';
  }
  return undefined;
}

function isTime(key: string, { op, sval }: Node): boolean {
  if (key === 'SQLValueFunction') return /_(DATE|(LOCAL)?TIME)/.test(op as string);
  return key === 'A_Const' && timeWords.test((sval as { sval?: string } | undefined)?.sval ?? '');
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

function namesIn(nodes: unknown): string[] {
  return ((nodes ?? []) as Node[]).flatMap(
    ({ String: name }) => (name as { sval?: string } | undefined)?.sval ?? [],
  );
}

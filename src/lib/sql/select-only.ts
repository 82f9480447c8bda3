import { isDeepStrictEqual } from 'node:util';
import { errorMessage, UserError } from '../core/errors.js';
import { loadParser } from './parser.js';

type Node = Record<string, unknown>;

/**
 * The one SELECT, VALUES or TABLE statement in the text, printed again from its parse tree, so that it can stand
 * between parentheses. The text itself is never sent: `select 1) to program '…' --` would end COPY's parenthesis.
 *
 * What is printed is parsed again in the place where it will stand, and must be the same tree; a construct that the
 * printer gets wrong is refused.
 *
 * @throws UserError `SQL_INVALID`, `SQL_NOT_A_SELECT`, `SQL_UNSUPPORTED`
 */
export async function selectOnly(text: string): Promise<string> {
  const { parse, deparse } = await loadParser();
  if (text.includes('\0')) throw new UserError('the SQL holds a NUL byte', { code: 'SQL_INVALID' });

  const parsed = await parse(text).catch((error: unknown) => {
    throw syntaxError(text, error);
  });
  const statement = onlyStatement((parsed.stmts ?? []) as Node[]);
  refuseForbidden(statement);

  const printed = await deparse({ version: parsed.version ?? 0, stmts: [{ stmt: statement }] } as never, {
    pretty: false,
  })
    .then((sql) => sql.trim().replace(/;$/, ''))
    .catch(() => undefined);
  if (printed === undefined || !isDeepStrictEqual(await queryInCopy(parse, printed), bare(statement)))
    throw new UserError('metrify cannot print this SQL again without changing it, so it is not sent', {
      code: 'SQL_UNSUPPORTED',
      hint: 'Put the query into a view and select from that, or write its unusual part in another way.',
    });
  return printed;
}

function onlyStatement(statements: Node[]): Node {
  if (statements.length === 0)
    throw new UserError('the SQL holds no statement', { code: 'SQL_INVALID', hint });
  if (statements.length > 1)
    throw new UserError(`the SQL holds ${statements.length} statements`, { code: 'SQL_NOT_A_SELECT', hint });
  const statement = statements[0]!.stmt as Node;
  const kind = Object.keys(statement)[0] ?? '';
  if (kind !== 'SelectStmt')
    throw new UserError(`the SQL is no query but ${spoken(kind)}`, { code: 'SQL_NOT_A_SELECT', hint });
  return statement;
}

const hint = 'Give exactly one SELECT, VALUES or TABLE statement.';

/** `CreateTableAsStmt` as `CREATE TABLE AS`. */
function spoken(kind: string): string {
  return kind
    .replace(/Stmt$/, '')
    .replace(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toUpperCase();
}

function refuseForbidden(value: unknown): void {
  if (Array.isArray(value)) return value.forEach(refuseForbidden);
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value)) {
    const what = forbidden(key);
    if (what) throw new UserError(`the SQL ${what}`, { code: 'SQL_NOT_A_SELECT', hint });
    refuseForbidden(child);
  }
}

function forbidden(key: string): string | undefined {
  if (key === 'intoClause') return 'creates a table: SELECT INTO';
  if (key === 'lockingClause') return 'locks rows: FOR UPDATE or FOR SHARE';
  if (key === 'ParamRef') return 'has a parameter such as $1, and nothing to put there';
  if (key.endsWith('Stmt') && key !== 'SelectStmt') return `contains ${spoken(key)}, which changes data`;
  return undefined;
}

/** The tree of the query in `COPY (…) TO STDOUT`, if that is all there is. */
async function queryInCopy(parse: (sql: string) => Promise<unknown>, printed: string): Promise<unknown> {
  try {
    const { stmts } = (await parse(`COPY (${printed}) TO STDOUT`)) as { stmts: { stmt: Node }[] };
    const copy = stmts.length === 1 ? (stmts[0]!.stmt.CopyStmt as Node | undefined) : undefined;
    if (!copy) return undefined;
    const { query, ...rest } = copy;
    return Object.keys(rest).length === 0 ? bare(query) : undefined;
  } catch {
    return undefined;
  }
}

const positions = /^(?:location|stmt_location|stmt_len|\w+_location|\w*list_(?:start|end))$/;

/** The tree without positions in the text. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !positions.test(key))
      .map(([key, child]) => [key, bare(child)]),
  );
}

function syntaxError(text: string, error: unknown): UserError {
  const offset = (error as { sqlDetails?: { cursorPosition?: number } }).sqlDetails?.cursorPosition;
  const near = offset === undefined ? '' : ` (line ${text.slice(0, offset).split('\n').length})`;
  return new UserError(`the SQL is not valid: ${errorMessage(error)}${near}`, { code: 'SQL_INVALID', hint });
}

import type { ColumnName, Expression, Literal, Operator } from './expression.js';
import { type Token, tokenize } from './tokens.js';
import { whereError } from './where-error.js';

/** More would exhaust the stack. */
const deepest = 200;
const operators: ReadonlySet<string> = new Set(['<', '<=', '=', '>=', '>', '<>']);
const flipped: Readonly<Record<Operator, Operator>> = {
  '<': '>',
  '<=': '>=',
  '=': '=',
  '<>': '<>',
  '>=': '<=',
  '>': '<',
};
/** They may stand before a text; the column's type says the same. */
const typeWords: ReadonlySet<string> = new Set(['date', 'time', 'timestamp', 'timestamptz', 'uuid']);

/**
 * Reads a condition in the form of SQL: comparisons, `in`, `between`, `like`, `is null`, `isnan(…)`, `and`, `or`, `not`.
 * @throws UserError `WHERE_INVALID`, with the place
 */
export function parseWhere(text: string): Expression {
  return new Parser(text).whole();
}

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #depth = 0;

  constructor(readonly text: string) {
    this.#tokens = tokenize(text);
  }

  whole(): Expression {
    const expression = this.#either();
    if (this.#token.kind !== 'end') throw this.#expected('and, or, or the end');
    return expression;
  }

  get #token(): Token {
    return this.#tokens[this.#next]!;
  }

  #either(): Expression {
    if (++this.#depth > deepest) throw this.#error('it is nested too deeply');
    const parts = [this.#both()];
    while (this.#word('or')) parts.push(this.#both());
    this.#depth--;
    return parts.length === 1 ? parts[0]! : { kind: 'or', parts };
  }

  #both(): Expression {
    const parts = [this.#negated()];
    while (this.#word('and')) parts.push(this.#negated());
    return parts.length === 1 ? parts[0]! : { kind: 'and', parts };
  }

  #negated(): Expression {
    let isNegated = false;
    while (this.#word('not')) isNegated = !isNegated;
    const expression = this.#primary();
    return isNegated ? negation(expression) : expression;
  }

  #primary(): Expression {
    if (this.#symbol('(')) {
      const expression = this.#either();
      if (!this.#symbol(')')) throw this.#expected("')'");
      return expression;
    }
    if (this.#isWord('isnan') && this.#tokens[this.#next + 1]!.text === '(') {
      this.#next += 2;
      const column = this.#column();
      if (!this.#symbol(')')) throw this.#expected("')'");
      return { kind: 'is nan', column };
    }
    const value = this.#literalOrNull();
    if (value !== undefined) {
      const operator = this.#operator();
      if (!operator) throw this.#expected('a comparison such as = or <');
      return compare(this.#column(), flipped[operator], value);
    }
    return this.#condition(this.#column());
  }

  #condition(column: ColumnName): Expression {
    const operator = this.#operator();
    if (operator) return compare(column, operator, this.#value());
    if (this.#word('is')) return this.#is(column);
    const isNegated = this.#word('not');
    const expression = this.#words(column);
    if (expression) return isNegated ? negation(expression) : expression;
    if (isNegated) throw this.#expected('in, between or like');
    return { kind: 'is true', column };
  }

  #is(column: ColumnName): Expression {
    const isNegated = this.#word('not');
    let expression: Expression;
    if (this.#word('null')) expression = { kind: 'is null', column };
    else if (this.#word('nan')) expression = { kind: 'is nan', column };
    else throw this.#expected('null, not null or nan');
    return isNegated ? negation(expression) : expression;
  }

  #words(column: ColumnName): Expression | undefined {
    if (this.#word('in')) return this.#in(column);
    if (this.#word('between')) {
      const low = this.#value();
      if (!this.#word('and')) throw this.#expected('and');
      const high = this.#value();
      return { kind: 'and', parts: [compare(column, '>=', low), compare(column, '<=', high)] };
    }
    if (!this.#word('like')) return undefined;
    const pattern = this.#value();
    if (pattern === null) return { kind: 'unknown' };
    if (pattern.kind !== 'text') throw whereError(this.text, pattern.at, "like takes a text: 'abc%'");
    return { kind: 'like', column, pattern };
  }

  #in(column: ColumnName): Expression {
    if (!this.#symbol('(')) throw this.#expected("'('");
    const parts: Expression[] = [];
    do parts.push(compare(column, '=', this.#value()));
    while (this.#symbol(','));
    if (!this.#symbol(')')) throw this.#expected("',' or ')'");
    return { kind: 'or', parts };
  }

  #column(): ColumnName {
    const { kind, text, at } = this.#token;
    if ((kind !== 'word' && kind !== 'name') || (kind === 'word' && reserved.has(text.toLowerCase())))
      throw this.#expected('the name of a column');
    this.#next++;
    return { name: text, isQuoted: kind === 'name', at };
  }

  /** @returns null for NULL */
  #value(): Literal | null {
    const value = this.#literalOrNull();
    if (value === undefined) throw this.#expected("a value, such as 5 or 'text'");
    return value;
  }

  #literalOrNull(): Literal | null | undefined {
    const { kind, text, at } = this.#token;
    if (kind === 'number' || kind === 'text') {
      this.#next++;
      return { kind, text, at };
    }
    if (kind !== 'word') return undefined;
    const word = text.toLowerCase();
    const next = this.#tokens[this.#next + 1]!;
    if (typeWords.has(word) && next.kind === 'text') {
      this.#next += 2;
      return { kind: 'text', text: next.text, at: next.at };
    }
    if (word !== 'null' && word !== 'true' && word !== 'false') return undefined;
    this.#next++;
    return word === 'null' ? null : { kind: 'boolean', text: word, at };
  }

  #operator(): Operator | undefined {
    const { kind, text } = this.#token;
    if (kind !== 'symbol' || !operators.has(text)) return undefined;
    this.#next++;
    return text as Operator;
  }

  #isWord(word: string): boolean {
    return this.#token.kind === 'word' && this.#token.text.toLowerCase() === word;
  }

  #word(word: string): boolean {
    const is = this.#isWord(word);
    if (is) this.#next++;
    return is;
  }

  #symbol(symbol: string): boolean {
    const is = this.#token.kind === 'symbol' && this.#token.text === symbol;
    if (is) this.#next++;
    return is;
  }

  #expected(what: string) {
    const { kind, text } = this.#token;
    return this.#error(`${what} is expected, and not ${kind === 'end' ? 'the end' : `'${text}'`}`);
  }

  #error(problem: string) {
    return whereError(this.text, this.#token.at, problem);
  }
}

const reserved: ReadonlySet<string> = new Set([
  'and',
  'or',
  'not',
  'is',
  'in',
  'between',
  'like',
  'null',
  'true',
  'false',
]);

function negation(part: Expression): Expression {
  return { kind: 'not', part };
}

/** Nothing can be said of what is compared with NULL. */
function compare(column: ColumnName, operator: Operator, value: Literal | null): Expression {
  return value === null ? { kind: 'unknown' } : { kind: 'compare', column, operator, value };
}

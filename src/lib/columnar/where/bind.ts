import { didYouMean } from '../../core/nearest.js';
import { typeName } from '../type-name.js';
import type { Field, ScalarType, Schema } from '../type.js';
import type { ColumnName, Expression } from './expression.js';
import { parseWhere } from './parse.js';
import type { Predicate } from './predicate.js';
import { testOf } from './literal-test.js';
import { isNaN, like, outcome, comparison } from './value-tests.js';
import { whereError } from './where-error.js';

/**
 * A condition in the form of SQL, on rows of a schema.
 * @throws UserError `WHERE_INVALID`, `COLUMN_MISSING`, with the place in the text
 */
export function bindWhere(text: string, schema: Schema): Predicate {
  return new Binder(text, schema).bind(parseWhere(text));
}

class Binder {
  constructor(
    readonly text: string,
    readonly schema: Schema,
  ) {}

  bind(expression: Expression): Predicate {
    switch (expression.kind) {
      case 'unknown':
        return expression;
      case 'not':
        return { kind: 'not', part: this.bind(expression.part) };
      case 'and':
      case 'or':
        return { kind: expression.kind, parts: expression.parts.map((part) => this.bind(part)) };
      case 'is null':
        return { kind: 'is null', column: this.#column(expression.column) };
      case 'is nan':
        return this.#test(expression.column, (type) =>
          type.storage === 'float32' || type.storage === 'float64' ? isNaN : 'a floating-point number',
        );
      case 'is true':
        return this.#test(expression.column, (type) =>
          type.storage === 'boolean' ? comparison(type, Buffer.of(1), outcome.equal) : 'boolean',
        );
      case 'like':
        return this.#test(expression.column, ({ meaning: { kind } }) =>
          kind === 'text' || kind === 'json' ? like(expression.pattern.text) : 'text',
        );
      case 'compare': {
        const { operator, value } = expression;
        return this.#test(expression.column, (type) => testOf(type, operator, value, this.text));
      }
    }
  }

  /** @param make gives the test, or what the column is not */
  #test(
    name: ColumnName,
    make: (type: ScalarType) => Extract<Predicate, { kind: 'test' }>['test'] | string,
  ): Predicate {
    const column = this.#column(name);
    const { type } = this.schema[column]!;
    if (type.storage === 'list' || type.storage === 'struct')
      throw whereError(
        this.text,
        name.at,
        `'${name.name}' is a ${typeName(type)}, of which only 'is null' can be asked`,
      );
    const test = make(type);
    if (typeof test === 'string')
      throw whereError(this.text, name.at, `'${name.name}' is ${typeName(type)}, and not ${test}`);
    return { kind: 'test', column, type, test };
  }

  #column({ name, isQuoted, at }: ColumnName): number {
    const names = this.schema.map((field: Field) => field.name);
    const exact = names.indexOf(name);
    if (exact !== -1) return exact;
    const folded = names.flatMap((each, i) => (each.toLowerCase() === name.toLowerCase() ? [i] : []));
    if (!isQuoted && folded.length === 1) return folded[0]!;
    throw whereError(
      this.text,
      at,
      `there is no column '${name}'${didYouMean(name, names)}`,
      'COLUMN_MISSING',
    );
  }
}

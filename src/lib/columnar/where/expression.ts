/** A condition on rows, as it was written. Columns are still names. */
export type Expression =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Expression[] }
  | { readonly kind: 'not'; readonly part: Expression }
  | { readonly kind: 'is null' | 'is nan' | 'is true'; readonly column: ColumnName }
  | {
      readonly kind: 'compare';
      readonly column: ColumnName;
      readonly operator: Operator;
      readonly value: Literal;
    }
  | { readonly kind: 'like'; readonly column: ColumnName; readonly pattern: Literal }
  | { readonly kind: 'unknown' };

export type Operator = '<' | '<=' | '=' | '>=' | '>' | '<>';

/** With its place in the text, from 0 on. */
export interface ColumnName {
  readonly name: string;
  /** Upper and lower case count. */
  readonly isQuoted: boolean;
  readonly at: number;
}

export interface Literal {
  readonly kind: 'number' | 'text' | 'boolean';
  /** Without quotes. */
  readonly text: string;
  readonly at: number;
}

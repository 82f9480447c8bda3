import { quoteIdentifier } from '../../sql/quote.js';
import type { Field } from '../type.js';
import type { CatalogType } from './catalog.js';
import { asText, asUncheckedText, listOf, type Mapped, mapType, structOf, type TypeRules } from './types.js';

/** What PostgreSQL is asked for, and how its answer is read. */
export interface Asked extends Mapped {
  readonly sql: string;
}

export interface AskRules extends TypeRules {
  /** The database does not say which encoding its texts have: PostgreSQL would refuse those that are not UTF-8 by no name. */
  readonly isEncodingUnknown: boolean;
}

/**
 * How a value is asked for. What has no binary form that is read here comes as PostgreSQL's own text.
 * @param sql the value
 * @param modifier as pg_attribute has it
 */
export function ask(sql: string, type: CatalogType, modifier: number, rules: AskRules): Asked {
  switch (type.kind) {
    case 'domain':
      return ask(sql, type.base, type.modifier, rules);
    case 'enum':
      return rules.isEncodingUnknown ? unchecked(sql, 'pg_catalog.enum_out') : { sql, ...asText };
    case 'array':
      return askArray(sql, type, modifier, rules);
    case 'composite':
      return askRecord(sql, type, modifier, rules);
    case 'scalar': {
      const mapped = mapType(type, modifier, rules);
      if (rules.isEncodingUnknown && (!mapped || isText(mapped))) return unchecked(sql, type.output);
      // A cast may print it differently: that of inet adds its netmask, that of char(n) takes its spaces away.
      return mapped ? { sql, ...mapped } : { sql: `pg_catalog.textin(${type.output}(${sql}))`, ...asText };
    }
  }
}

function askArray(
  sql: string,
  type: CatalogType & { readonly kind: 'array' },
  modifier: number,
  rules: AskRules,
): Asked {
  const mapped = mapType(type, modifier, rules);
  return mapped ? { sql, ...mapped } : { sql: `${sql}::pg_catalog.text[]`, ...listOf(asText) };
}

/** Field by field, where one of them has to become text. */
function askRecord(
  sql: string,
  type: CatalogType & { readonly kind: 'composite' },
  modifier: number,
  rules: AskRules,
): Asked {
  const mapped = mapType(type, modifier, rules);
  if (mapped && !rules.isEncodingUnknown) return { sql, ...mapped };
  const fields = type.fields.map((field): Field & Asked => ({
    name: field.name,
    ...ask(`(${sql}).${quoteIdentifier(field.name)}`, field.type, field.modifier, rules),
  }));
  const row = `ROW(${fields.map((field) => field.sql).join(', ')})`;
  // IS NULL would also be true of a record of nulls.
  return { sql: `CASE WHEN ${sql} IS DISTINCT FROM NULL THEN ${row} END`, ...structOf(fields) };
}

function unchecked(sql: string, output: string): Asked {
  return {
    sql: `pg_catalog.convert_to(pg_catalog.textin(${output}(${sql})), 'SQL_ASCII')`,
    ...asUncheckedText,
  };
}

function isText({ type }: Mapped): boolean {
  return type.storage === 'bytes' && (type.meaning.kind === 'text' || type.meaning.kind === 'json');
}

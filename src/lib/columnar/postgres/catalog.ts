import type { PostgresClient } from '../../clients/postgres.js';

/** A type, as the catalog of a database describes it. */
export type CatalogType =
  | {
      readonly kind: 'scalar';
      readonly name: string;
      readonly isBuiltIn: boolean;
      /** The function that prints it, quoted: `pg_catalog.inet_out`. */
      readonly output: string;
    }
  | { readonly kind: 'enum' }
  | { readonly kind: 'domain'; readonly base: CatalogType; readonly modifier: number }
  | { readonly kind: 'array'; readonly element: CatalogType }
  | {
      readonly kind: 'composite';
      readonly fields: readonly {
        readonly name: string;
        readonly type: CatalogType;
        readonly modifier: number;
      }[];
    };

interface Row {
  readonly oid: number;
  readonly name: string;
  readonly builtIn: boolean;
  readonly output: string;
  /** As pg_type has it. */
  readonly kind: string;
  readonly element: number;
  readonly base: number;
  readonly modifier: number;
  readonly fields:
    readonly { readonly name: string; readonly type: number; readonly modifier: number }[] | null;
}

const columns = ['oid', 'name', 'builtIn', 'output', 'kind', 'element', 'base', 'modifier', 'fields'];

/** Types by their OIDs, with those that they are made of. A type cannot contain itself. */
export async function readTypes(
  client: PostgresClient,
  oids: readonly number[],
): Promise<ReadonlyMap<number, CatalogType>> {
  const rows = new Map<number, Row>();
  for (let unknown = [...new Set(oids)]; unknown.length > 0;) {
    const answer = await client.query<Row & Record<string, unknown>>(
      `SELECT t.oid::int8::float8 AS oid, t.typname::text AS name, n.nspname = 'pg_catalog' AS "builtIn",
              (SELECT format('%I.%I', s.nspname, p.proname) FROM pg_proc p JOIN pg_namespace s ON s.oid = p.pronamespace WHERE p.oid = t.typoutput) AS output,
              t.typtype::text AS kind,
              CASE WHEN t.typcategory = 'A' THEN t.typelem::int8::float8 ELSE 0 END AS element,
              t.typbasetype::int8::float8 AS base, t.typtypmod AS modifier,
              (SELECT json_agg(json_build_object('name', a.attname, 'type', a.atttypid::int8, 'modifier', a.atttypmod) ORDER BY a.attnum)
                 FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped) AS fields
         FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = ANY ($1::oid[])`,
      [unknown],
      { columns },
    );
    for (const row of answer.rows) rows.set(row.oid, row);
    const needed = answer.rows.flatMap(({ element, base, fields }) => [
      element,
      base,
      ...(fields ?? []).map(({ type }) => type),
    ]);
    unknown = [...new Set(needed)].filter((oid) => oid !== 0 && !rows.has(oid));
  }
  const types = new Map<number, CatalogType>();
  const typeOf = (oid: number): CatalogType => {
    let type = types.get(oid);
    if (!type) types.set(oid, (type = made(rows.get(oid), typeOf)));
    return type;
  };
  return new Map(oids.map((oid) => [oid, typeOf(oid)]));
}

function made(row: Row | undefined, typeOf: (oid: number) => CatalogType): CatalogType {
  if (!row) return { kind: 'scalar', name: 'unknown type', isBuiltIn: false, output: 'pg_catalog.textout' };
  const { name, builtIn, output, kind, element, base, modifier, fields } = row;
  if (kind === 'e') return { kind: 'enum' };
  if (kind === 'd') return { kind: 'domain', base: typeOf(base), modifier };
  if (kind === 'c' && fields && fields.length > 0)
    return {
      kind: 'composite',
      fields: fields.map((field) => ({ ...field, type: typeOf(field.type) })),
    };
  if (element !== 0) return { kind: 'array', element: typeOf(element) };
  return { kind: 'scalar', name, isBuiltIn: builtIn, output };
}

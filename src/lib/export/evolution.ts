import type { Reader } from '../columnar/postgres/profiles.js';
import { parseTypeName } from '../columnar/parse-type-name.js';
import { typeName } from '../columnar/type-name.js';
import type { Type } from '../columnar/type.js';
import { widerType } from '../columnar/wider-type.js';
import { ServiceConflict } from '../core/errors.js';
import type { Manifest } from './manifest.js';

type Columns = Manifest['columns'];

/**
 * Which readers take files for one table whose columns have become wider. Columns that come and go, and decimals that gain digits
 * before the point, are taken by all (DuckDB with `union_by_name`, Spark with `mergeSchema`, pyarrow with `unify_schemas`). Spark
 * merges no others; Hive and Trino read what the table was declared with, and only Trino's documentation has such conversions.
 */
const takesWider: Readonly<Record<Reader, boolean>> = {
  all: false,
  duckdb: true,
  spark: false,
  hive: false,
  trino: true,
};

/**
 * The columns of a dataset that has files of two schemas.
 * @param now those of the new files
 * @throws ServiceConflict `SCHEMA_CHANGED` where the readers could not read them together
 */
export function mergeColumns(before: Columns, now: Columns, reader: Reader): Columns {
  const added = now.filter(({ name }) => !before.some((column) => column.name === name));
  const respelled = added.find(({ name }) =>
    before.some((column) => column.name.toLowerCase() === name.toLowerCase()),
  );
  if (respelled) throw changed(`'${respelled.name}' was spelled with other capital letters before`);
  return [
    ...before.map((old) => {
      const type = now.find(({ name }) => name === old.name)?.type ?? old.type;
      if (type === old.type) return old;
      const merged = mergeTypes(old.type, type, takesWider[reader]);
      if (merged !== undefined) return { name: old.name, type: merged };
      const readers = reader === 'all' ? 'not all readers' : `not ${reader}`;
      throw changed(
        `'${old.name}' was ${old.type} and is ${type} now, which ${readers} can read as one column`,
      );
    }),
    ...added,
  ];
}

/** The type that holds the values of both, where readers take files with both for one column. */
function mergeTypes(a: string, b: string, takesWider: boolean): string | undefined {
  const [one, other] = [parseTypeName(a), parseTypeName(b)];
  const wider = one && other && widerType(one, other);
  return wider && isTaken(one, other, takesWider) ? typeName(wider) : undefined;
}

function isTaken(one: Type, other: Type, takesWider: boolean): boolean {
  if (!('meaning' in one && 'meaning' in other)) return false;
  const { meaning: m } = one;
  const { meaning: n } = other;
  if (m.kind === 'decimal' && n.kind === 'decimal') return takesWider || m.scale === n.scale;
  return takesWider && (m.kind === 'integer' || one.storage.startsWith('float'));
}

function changed(what: string): ServiceConflict {
  return new ServiceConflict(`the new files do not fit the dataset: ${what}`, {
    code: 'SCHEMA_CHANGED',
    hint: 'Export everything again: to a new folder, and with a new state file. Or name the only reader with --for.',
  });
}

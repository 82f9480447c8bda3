import type { Reader } from '../columnar/reader-profiles.js';
import { ServiceConflict } from '../core/errors.js';
import type { Manifest } from './manifest.js';

type Columns = Manifest['columns'];

/** Types that hold all values of those before them. */
const widenings: readonly (readonly string[])[] = [
  ['int16', 'int32', 'int64'],
  ['float32', 'float64'],
];
const mostDigits = 38;

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

/** The type that holds the values of both. */
function mergeTypes(a: string, b: string, takesWider: boolean): string | undefined {
  const [one, other] = [decimalOf(a), decimalOf(b)];
  if (one && other && (one.scale === other.scale || takesWider)) {
    const scale = Math.max(one.scale, other.scale);
    const digits = scale + Math.max(one.precision - one.scale, other.precision - other.scale);
    return digits <= mostDigits ? `decimal(${digits}, ${scale})` : undefined;
  }
  const steps = takesWider ? widenings.find((types) => types.includes(a) && types.includes(b)) : undefined;
  return steps?.[Math.max(steps.indexOf(a), steps.indexOf(b))];
}

function decimalOf(type: string): { readonly precision: number; readonly scale: number } | undefined {
  const [, precision, scale] = /^decimal\((\d+), (\d+)\)$/.exec(type) ?? [];
  return scale === undefined ? undefined : { precision: Number(precision), scale: Number(scale) };
}

function changed(what: string): ServiceConflict {
  return new ServiceConflict(`the new files do not fit the dataset: ${what}`, {
    code: 'SCHEMA_CHANGED',
    hint: 'Export everything again: to a new folder, and with a new state file. Or name the only reader with --for.',
  });
}

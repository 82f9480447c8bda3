import { withParquetFile } from '../../columnar/parquet-reader/parquet-file.js';
import { parseTypeName } from '../../columnar/parse-type-name.js';
import { typeName } from '../../columnar/type-name.js';
import type { Field, Schema, Type } from '../../columnar/type.js';
import { widerType } from '../../columnar/wider-type.js';
import { UserError } from '../../core/errors.js';
import type { Manifest } from '../manifest.js';
import { findParquet, type FoundDataset } from './find-dataset.js';

/** A dataset whose files can be read. */
export interface ReadableDataset extends FoundDataset {
  /**
   * All columns: those of the files, widened to hold the values of each file, and those of the partitions, with the types that the
   * manifest has for them. Without one those are text.
   */
  readonly schema: Schema;
  /** The columns that each file has, by its path. */
  readonly columnsOf: ReadonlyMap<string, Schema>;
}

/** Finds a dataset of Parquet files, and what columns it has. @throws as findDataset; UserError exit 2 */
export async function openDataset(path: string): Promise<ReadableDataset> {
  const found = await findParquet(path);
  if (found.files.length === 0)
    throw new UserError(`${path} has no Parquet files`, {
      code: 'FILES_MISSING',
      hint: `Files whose names begin with _ or . are not data.`,
    });
  return withSchema(found);
}

/** What columns the files have, by their footers. @throws UserError exit 2 */
export async function withSchema(found: FoundDataset): Promise<ReadableDataset> {
  const { files, manifest, partitionBy } = found;
  const declared = typesOf(manifest?.columns);
  const columnsOf = new Map<string, Schema>();
  const seen = new Map<string, Schema>();
  const fields = new Map<string, { readonly type: Type; readonly path: string }>();
  for (const { absolute, path } of files) {
    const schema = await withParquetFile(absolute, (file) => file.schema);
    const columns = schema.map(({ name, type }) => ({ name, type: asDeclared(type, declared.get(name)) }));
    // Thousands of files have the same columns: those are kept once.
    const key = JSON.stringify(columns);
    columnsOf.set(path, seen.get(key) ?? columns);
    if (seen.has(key)) continue;
    seen.set(key, columns);
    for (const { name, type } of columns) {
      const known = fields.get(name);
      const wide = known ? widerType(known.type, type) : type;
      if (!wide)
        throw new UserError(
          `'${name}' is ${typeName(known!.type)} in ${known!.path} and ${typeName(type)} in ${path}`,
          { code: 'SCHEMA_MIXED', hint: 'No type holds the values of both. Export everything again.' },
        );
      fields.set(name, { type: wide, path });
    }
  }
  for (const name of partitionBy) fields.delete(name);
  const partitions = typesOf(manifest?.partitionColumns);
  const schema = [
    ...Array.from(fields, ([name, { type }]) => ({ name, type })),
    ...partitionBy.map((name): Field => ({ name, type: partitions.get(name) ?? text })),
  ];
  return { ...found, schema, columnsOf };
}

/**
 * What columns a dataset has: of Parquet files by their footers, of ORC files by the manifest, which is all that is known of them here.
 * @throws UserError exit 2; `ORC_UNREAD` for ORC files without a manifest
 */
export async function schemaOf(found: FoundDataset): Promise<Schema> {
  if (found.format === 'parquet') return (await withSchema(found)).schema;
  const { columns, partitionColumns } = orcManifest(found);
  const partitions = typesOf(partitionColumns);
  return [
    ...columns.map(({ name, type }): Field => {
      const parsed = parseTypeName(type);
      if (parsed) return { name, type: parsed };
      throw new UserError(
        `the manifest of ${found.name} has a column of the type ${type}, which is unknown`,
        {
          code: 'MANIFEST_FOREIGN',
          hint: 'Was it written by a later version of metrify?',
        },
      );
    }),
    ...found.partitionBy.map((name): Field => ({ name, type: partitions.get(name) ?? text })),
  ];
}

/** The manifest of a dataset of ORC files, without which nothing is known of them. @throws UserError `ORC_UNREAD` */
export function orcManifest({ name, manifest }: FoundDataset): Manifest {
  if (manifest) return manifest;
  throw new UserError(`${name} has ORC files of another writer, which metrify does not read`, {
    code: 'ORC_UNREAD',
    hint: 'Look at them with orc-tools or pyarrow.',
  });
}

/** The same dataset whose columns of partitions are text, as the names of folders have it. */
export function withTextPartitions(dataset: ReadableDataset): ReadableDataset {
  const { schema, partitionBy } = dataset;
  const asText = (field: Field): Field =>
    partitionBy.includes(field.name) ? { name: field.name, type: text } : field;
  return { ...dataset, schema: schema.map(asText) };
}

const text: Type = { storage: 'bytes', meaning: { kind: 'text' } };

function typesOf(columns: Manifest['columns'] = []): ReadonlyMap<string, Type> {
  return new Map(
    columns.flatMap(({ name, type }) => {
      const parsed = parseTypeName(type);
      return parsed ? [[name, parsed] as const] : [];
    }),
  );
}

/** A file's type, with what only the manifest says: whether times in INT96 are of UTC. */
function asDeclared(type: Type, declared: Type | undefined): Type {
  if (!declared) return type;
  if (type.storage === 'list' && declared.storage === 'list')
    return { ...type, element: asDeclared(type.element, declared.element) };
  if (type.storage === 'struct' && declared.storage === 'struct') {
    const types = new Map(declared.fields.map((field) => [field.name, field.type]));
    return {
      ...type,
      fields: type.fields.map((field) => ({
        name: field.name,
        type: asDeclared(field.type, types.get(field.name)),
      })),
    };
  }
  const isInt96 = (each: Type) => 'meaning' in each && each.meaning.kind === 'timestamp96';
  return isInt96(type) && isInt96(declared) ? declared : type;
}

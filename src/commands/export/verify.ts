import type { PostgresClient } from '../../lib/clients/postgres.js';
import { openCodec } from '../../lib/columnar/parquet/codec.js';
import { parquetFormat } from '../../lib/columnar/parquet/file-format.js';
import { ServiceConflict } from '../../lib/core/errors.js';
import { defaultRowGroupRows } from '../../lib/export/batch-size.js';
import { FolderTarget } from '../../lib/export/folder-target.js';
import { codecOf } from '../../lib/export/read/codec-of.js';
import { datasetFolder } from '../../lib/export/read/dataset-folder.js';
import { findParquet, type FoundDataset } from '../../lib/export/read/find-dataset.js';
import { repairPartitions } from '../../lib/export/verify/repair.js';
import {
  isVerified,
  type Source,
  verifyDataset,
  type Verification,
  type VerificationResult as Result,
} from '../../lib/export/verify/verify.js';
import { changeCommand, type Check } from '../../runtime/command.js';
import type { Context } from '../../runtime/context.js';
import { flag } from '../../runtime/flags.js';
import { fileProblems, presentVerification } from '../../ui/export-verification.js';
import { requireOneSource } from '../shared/source/require-one.js';
import { infinityChoices, openQuery, queryFlags } from './shared/query.js';
import { remedies } from './shared/remedies.js';
import { createdBy } from '../../version.js';

interface Prepared {
  readonly client: PostgresClient;
  readonly source: Source;
  readonly found: FoundDataset;
  readonly byPartition: boolean;
  readonly repair: boolean;
}

export const verify = changeCommand({
  name: 'export verify',
  summary: 'compare a dataset with the database; exit 3 where they differ',
  synonyms: ['check', 'diff'],
  description:
    'Reads both sides in full. Compares the number of rows and order-independent hashes of all values, by partition, and names the ' +
    'columns whose values differ. Also compares the files with the SHA-256 in their manifest. --repair rewrites the partitions ' +
    'that differ.',
  args: { path: { help: 'the dataset', required: true } },
  flags: {
    ...queryFlags,
    infinity: flag.choice(infinityChoices, {
      help: 'what became of infinite times and numbers; as the dataset was written if not given',
    }),
    byPartition: flag.boolean('list the partitions that are equal too'),
    repair: flag.boolean('rewrite the partitions that differ'),
  },
  examples: [
    { does: 'is everything there?', command: 'metrify export verify lake/readings --table readings' },
    {
      does: 'rewrite what differs',
      command: "metrify export verify lake/readings --sql 'select * from readings' --repair",
    },
  ],
  junit: true,

  async prepare({ path, sql, table, infinity, byPartition, repair }, context): Promise<Prepared> {
    requireOneSource({ '--sql': sql !== undefined, '--table': table !== undefined });
    const found = await findParquet(datasetFolder(path, context.cwd));
    if (repair && !found.manifest)
      throw new ServiceConflict(`${found.name} has no manifest: metrify did not write it`, {
        code: 'MANIFEST_MISSING',
        hint: 'Export it again, to another folder.',
      });
    const query = await openQuery({ sql, table }, context);
    return {
      client: query.client,
      source: { sql: query.sql, infinity, remedies: { infinity: remedies.infinity } },
      found,
      byPartition,
      repair,
    };
  },

  async preview(prepared, context) {
    return resultOf(prepared, await compare(prepared, context), []);
  },
  presentPreview: presentVerification,
  foresees: (result) => conclusion(result),

  async run(prepared, context) {
    const before = await compare(prepared, context);
    const differing = before.partitions.filter(({ isEqual }) => !isEqual).map(({ partition }) => partition);
    const { client, source, found, repair } = prepared;
    const { manifest } = found;
    if (!repair || !manifest || differing.length === 0 || before.columns.length > 0) {
      const result = resultOf(prepared, before, []);
      return { ...conclusion(result), result };
    }
    const broken = new Set(before.files.map(({ path }) => path));
    const codec = await openCodec(await codecOf(found.files.filter(({ path }) => !broken.has(path))));
    const options = {
      target: new FolderTarget(found.name),
      format: parquetFormat({ codec, createdBy }),
      ...{ createdBy, rowGroupRows: defaultRowGroupRows, folders: differing },
      isWhole: (path: string) => !broken.has(path),
    };
    const { notes } = await context.during('repairing', 'rows', (progress) =>
      repairPartitions(client, { ...found, manifest }, source, options, context.signal, progress),
    );
    for (const note of notes) context.warn(note);
    const repaired = { ...prepared, found: await findParquet(found.name) };
    const result = resultOf(repaired, await compare(repaired, context), differing);
    return { ...conclusion(result), result };
  },

  counts: ({ rows, compared }) => ({ rows: rows.dataset, partitions: compared }),
  present: presentVerification,
});

function compare({ client, source, found }: Prepared, context: Context): Promise<Verification> {
  return context.during('comparing', 'rows', (progress) =>
    verifyDataset(client, source, found, context.signal, progress),
  );
}

function resultOf(
  { found, byPartition }: Prepared,
  verification: Verification,
  repaired: readonly string[],
): Result {
  const { partitions } = verification;
  return {
    path: found.name,
    ...verification,
    compared: partitions.length,
    partitions: byPartition ? partitions : partitions.filter(({ isEqual }) => !isEqual),
    repaired,
  };
}

function conclusion(result: Result): { verdict: 'ok' | 'failed'; checks: Check[] } {
  const failures = [
    ...result.columns.map(({ name }) => `the column ${name} differs`),
    ...result.files.map(({ path, problem }) => `${path} ${fileProblems[problem]}`),
    ...result.partitions
      .filter(({ isEqual }) => !isEqual)
      .map(({ partition }) => `${partition || 'the rows'} differ`),
  ];
  const name = `${result.path} equals the database`;
  return isVerified(result)
    ? { verdict: 'ok', checks: [{ name }] }
    : { verdict: 'failed', checks: [{ name, failure: failures.join('; ') }] };
}

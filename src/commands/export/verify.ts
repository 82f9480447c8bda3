import { openPostgres, type PostgresClient } from '../../lib/clients/postgres.js';
import { requireSystem } from '../../lib/clients/systems.js';
import { openCodec } from '../../lib/columnar/parquet/codec.js';
import { parquetFormat } from '../../lib/columnar/parquet/file-format.js';
import { ServiceConflict, UserError } from '../../lib/core/errors.js';
import { FolderTarget } from '../../lib/export/folder-target.js';
import { codecOf } from '../../lib/export/read/codec-of.js';
import { datasetFolder } from '../../lib/export/read/dataset-folder.js';
import { findParquet, type FoundDataset } from '../../lib/export/read/find-dataset.js';
import { findTable } from '../../lib/export/table.js';
import { repairPartitions } from '../../lib/export/verify/repair.js';
import {
  isVerified,
  verifyDataset,
  type Verification,
  type VerificationResult as Result,
} from '../../lib/export/verify/verify.js';
import { changeCommand, type Check } from '../../runtime/command.js';
import type { Context } from '../../runtime/context.js';
import { flag } from '../../runtime/flags.js';
import { presentVerification } from '../../ui/export-verification.js';
import { sourceFlags } from '../shared/source/flags.js';
import { readQuery } from '../shared/source/query.js';
import { createdBy } from '../../version.js';

interface Prepared {
  readonly client: PostgresClient;
  readonly sql: string;
  readonly found: FoundDataset;
  readonly byPartition: boolean;
  readonly repair: boolean;
}

export const verify = changeCommand({
  name: 'export verify',
  summary: 'compare a dataset with the database; exit 3 where they differ',
  synonyms: ['check', 'diff'],
  description:
    'Counts the rows of each partition on both sides, and compares hashes of all of their values, in no order, that both sides are read ' +
    'for in full. Names the columns whose values differ. Also compares the files with the SHA-256 in their manifest. --repair writes ' +
    'the partitions that differ again.',
  args: { path: { help: 'the dataset', required: true } },
  flags: {
    sql: sourceFlags.sql,
    table: flag.text({ placeholder: 'TABLE', help: 'rows of a table or view' }),
    byPartition: flag.boolean('list the partitions that are equal too'),
    repair: flag.boolean('write the partitions that differ again'),
  },
  examples: [
    { does: 'is everything there?', command: 'metrify export verify lake/readings --table readings' },
    {
      does: 'write what differs again',
      command: "metrify export verify lake/readings --sql 'select * from readings' --repair",
    },
  ],
  junit: true,

  async prepare({ path, sql, table, byPartition, repair }, context): Promise<Prepared> {
    if ((sql === undefined) === (table === undefined))
      throw new UserError(sql === undefined ? 'no source is given' : 'more than one source is given', {
        hint: 'Give one of --sql and --table.',
      });
    const written = sql === undefined ? undefined : await readQuery(sql, context.cwd);
    const found = await findParquet(datasetFolder(path, context.cwd));
    if (repair && !found.manifest)
      throw new ServiceConflict(`${found.name} has no manifest: metrify did not write it`, {
        code: 'MANIFEST_MISSING',
        hint: 'Export it again, to another folder.',
      });
    const settings = await context.settings();
    const postgres = requireSystem(settings, 'postgres', sql === undefined ? '--table' : '--sql');
    const client = await openPostgres(postgres, settings, context.signal);
    context.closing(() => client.close());
    const query = written ?? (await client.readOnly(() => findTable(client, table!))).sql;
    return { client, sql: query, found, byPartition, repair };
  },

  async preview(prepared, context) {
    return resultOf(prepared, await compare(prepared, context), []);
  },
  presentPreview: presentVerification,
  foresees: (result) => conclusion(result),

  async run(prepared, context) {
    const before = await compare(prepared, context);
    const differing = before.partitions.filter(({ isEqual }) => !isEqual).map(({ partition }) => partition);
    if (!prepared.repair || differing.length === 0 || before.columns.length > 0) {
      const result = resultOf(prepared, before, []);
      return { ...conclusion(result), result };
    }
    const broken = new Set(before.files.map(({ path }) => path));
    const codec = await openCodec(
      await codecOf(prepared.found.files.filter(({ path }) => !broken.has(path))),
    );
    await context.during('repairing', 'rows', async (progress) =>
      repairPartitions(
        prepared.client,
        prepared.found,
        {
          sql: prepared.sql,
          target: new FolderTarget(prepared.found.name),
          format: parquetFormat({ codec, createdBy }),
          createdBy,
          rowGroupRows: 122_880,
          folders: differing,
          isWhole: (path) => !broken.has(path),
        },
        context.signal,
        progress,
      ),
    );
    const repaired = { ...prepared, found: await findParquet(prepared.found.name) };
    const result = resultOf(repaired, await compare(repaired, context), differing);
    return { ...conclusion(result), result };
  },

  counts: ({ rows, compared }) => ({ rows: rows.dataset, partitions: compared }),
  present: presentVerification,
});

function compare({ client, sql, found }: Prepared, context: Context): Promise<Verification> {
  return context.during('comparing', 'rows', (progress) =>
    verifyDataset(client, sql, found, context.signal, progress),
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
    ...result.files.map(({ path, problem }) => `${path} is ${problem}`),
    ...result.partitions
      .filter(({ isEqual }) => !isEqual)
      .map(({ partition }) => `${partition || 'the rows'} differ`),
  ];
  const name = `${result.path} equals the database`;
  return isVerified(result)
    ? { verdict: 'ok', checks: [{ name }] }
    : { verdict: 'failed', checks: [{ name, failure: failures.join('; ') }] };
}

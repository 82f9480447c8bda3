import { tmpdir } from 'node:os';

import type { PostgresClient } from '../../../lib/clients/postgres.js';
import { requireSystem } from '../../../lib/clients/systems.js';
import { UserError } from '../../../lib/core/errors.js';
import { exportWithSpark, type SparkJob } from '../../../lib/export/spark/export-with-spark.js';
import { type ExportResult, resultOf } from '../../../lib/export/result.js';
import type { Outcome } from '../../../runtime/command.js';
import type { Context } from '../../../runtime/context.js';
import { flag, type FlagValues } from '../../../runtime/flags.js';
import type { Prepared } from './prepare.js';
import type { WriteInput } from './write-flags.js';

export const sparkFlags = {
  engine: flag.choice(['local', 'spark'], {
    help: 'what reads the rows and writes the files: metrify itself, or spark-submit',
    default: 'local',
  }),
  sparkConf: flag.list({
    placeholder: 'KEY=VALUE',
    help: 'configuration of Spark: spark.master=…, spark.jars=…',
  }),
};

type Input = FlagValues<typeof sparkFlags> &
  Pick<WriteInput, 'infinity' | 'parallel' | 'parallelBy' | 'targetFileSize'> & {
    readonly compression: string;
  };

export interface PreparedSpark {
  readonly client: PostgresClient;
  readonly job: SparkJob;
}

/** What the engine spark needs besides; undefined for the other one. @throws UserError exit 2 */
export async function prepareSpark(
  { engine, sparkConf, parallelBy, parallel, infinity, compression, targetFileSize }: Input,
  prepared: Prepared,
  context: Context,
): Promise<PreparedSpark | undefined> {
  if (engine === 'local') {
    if (sparkConf.length === 0) return undefined;
    throw new UserError('--spark-conf is for --engine spark', {
      hint: 'Add --engine spark, or leave it out.',
    });
  }
  if ('source' in prepared)
    throw new UserError('the engine spark reads PostgreSQL', {
      hint: 'Leave --engine out, or give --sql or --table.',
    });
  if (parallel > 1 && parallelBy === undefined)
    throw new UserError('the engine spark divides rows by the values of a column', {
      hint: 'Give --parallel-by COLUMN, or leave --parallel out.',
    });
  if (targetFileSize !== undefined)
    throw new UserError('the engine spark has no size of files', {
      hint: 'Leave --target-file-size out, or --engine.',
    });
  if (prepared.incremental)
    throw new UserError('the engine spark does not take --since-column', {
      hint: 'Leave --engine out.',
    });
  const settings = await context.settings();
  const job: SparkJob = {
    ...prepared.job,
    postgres: requireSystem(settings, 'postgres', '--sql'),
    compression,
    infinity,
    ranges: parallelBy === undefined || parallel === 1 ? undefined : { column: parallelBy, count: parallel },
    spark: { conf: sparkConf, env: context.env, temporaryFolder: tmpdir() },
  };
  return { client: prepared.client, job };
}

export async function runSpark(
  { client, job }: PreparedSpark,
  context: Context,
): Promise<Outcome<ExportResult>> {
  const manifest = await context.during('exporting with Spark', 'rows', (progress) =>
    exportWithSpark(client, job, context.signal, progress),
  );
  return { verdict: 'ok', result: resultOf({ manifest, written: manifest.files }) };
}

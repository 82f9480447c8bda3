import { tmpdir } from 'node:os';

import { requireSystem } from '../../../lib/clients/systems.js';
import { UserError } from '../../../lib/core/errors.js';
import { readWithSpark } from '../../../lib/export/spark/spark-rows.js';
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
  Pick<WriteInput, 'parallel' | 'parallelBy' | 'targetFileSize' | 'verify'> & {
    readonly compression: string;
  };

/** The same export, read by the engine that is asked for. @throws UserError exit 2 */
export async function prepareEngine(
  { engine, sparkConf, parallelBy, parallel, compression, targetFileSize, verify }: Input,
  prepared: Prepared,
  context: Context,
): Promise<Prepared> {
  if (engine === 'local') {
    if (sparkConf.length === 0) return prepared;
    throw new UserError('--spark-conf is for --engine spark', {
      hint: 'Add --engine spark, or leave it out.',
    });
  }
  if ('source' in prepared)
    throw new UserError('the engine spark reads PostgreSQL', {
      hint: 'Leave --engine out, or give --sql or --table.',
    });
  // Its ORC is another: times without a zone are plain numbers, the others in the zone of each executor.
  if (prepared.job.format.suffix !== 'parquet')
    throw new UserError('the engine spark writes Parquet only', {
      hint: 'Give export parquet, or leave --engine out.',
    });
  if (parallel > 1 && parallelBy === undefined)
    throw new UserError('the engine spark divides rows by the values of a column', {
      hint: 'Give --parallel-by COLUMN, or leave --parallel out.',
    });
  if (verify)
    throw new UserError('the rows that Spark writes do not pass metrify', {
      hint: 'Leave --verify out, and compare them afterwards: metrify export verify.',
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
  const readRows = readWithSpark({
    postgres: requireSystem(settings, 'postgres', '--sql'),
    compression,
    ranges: parallelBy === undefined || parallel === 1 ? undefined : { column: parallelBy, count: parallel },
    spark: { conf: sparkConf, env: context.env, temporaryFolder: tmpdir() },
  });
  const { parallel: _, ...job } = prepared.job;
  return { ...prepared, job, readRows };
}

import { resolve } from 'node:path';

import { openPostgres } from '../../../lib/clients/postgres.js';
import { requireSystem } from '../../../lib/clients/systems.js';
import { UserError } from '../../../lib/core/errors.js';
import { openFileSource, openStdinSource } from '../../../lib/sources/open.js';
import type { RowSource } from '../../../lib/sources/row-source.js';
import { openSql } from '../../../lib/sources/sql.js';
import type { Context } from '../../../runtime/context.js';
import type { FlagValues } from '../../../runtime/flags.js';
import type { sourceFlags } from './flags.js';
import { readQuery } from './query.js';
import { requireOneSource } from './require-one.js';

export type SourceInput = FlagValues<typeof sourceFlags>;

/**
 * The rows that the flags name, closed with the context.
 * @param resume whether the run is to be resumable (`--resume`), which standard input is not
 * @throws UserError exit 2 for flags that do not go together, and as the source
 */
export async function openSource(
  input: SourceInput,
  context: Context,
  { resume }: { resume: boolean },
): Promise<RowSource> {
  requireOneSource({
    '--sql': input.sql !== undefined,
    '--file': input.file !== undefined,
    '--stdin': input.stdin,
  });
  if (input.resumeColumn !== undefined && input.sql === undefined)
    throw new UserError('--resume-column goes with --sql', { hint: 'Files are resumed without it.' });
  if (input.stdin && resume)
    throw new UserError('standard input cannot be resumed', {
      hint: 'Use --file, or leave --resume out.',
    });
  const source = await open(input, context);
  context.closing(() => source.close());
  return source;
}

async function open(input: SourceInput, context: Context): Promise<RowSource> {
  if (input.file !== undefined) return openFileSource(resolve(context.cwd, input.file));
  if (input.sql === undefined) return openStdinSource(context.terminal.stdin);
  const query = await readQuery(input.sql, context.cwd);
  const settings = await context.settings();
  const postgres = requireSystem(settings, 'postgres', '--sql');
  const client = await openPostgres(postgres, settings, context.signal);
  context.closing(() => client.close());
  return (await openSql(client, query, {
    resumeColumn: input.resumeColumn,
    statementTimeoutMs: settings.requestTimeoutMs,
  })) as RowSource;
}

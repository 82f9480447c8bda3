import { profileOf, readers } from '../../../lib/columnar/reader-profiles.js';
import type { Decimal } from '../../../lib/columnar/postgres/types.js';
import type { MisfitRules } from '../../../lib/columnar/refusals.js';
import { s3Scheme } from '../../../lib/clients/s3/url.js';
import { UserError } from '../../../lib/core/errors.js';
import { defaultRowGroupRows } from '../../../lib/export/batch-size.js';
import type { WriteRules } from '../../../lib/export/query.js';
import { flag, type FlagValues } from '../../../runtime/flags.js';
import { requireOneSource } from '../../shared/source/require-one.js';
import { checkIncrementalFlags, incrementalFlags } from './incremental.js';
import { infinityChoices, queryFlags } from './query.js';
import { remedies } from './remedies.js';
import { rowFlags } from './rows.js';
import { targetFlags } from './target.js';

export const fileSizeHelp = 'begin another file after this size';

/** Of both formats. */
export const writeFlags = {
  ...queryFlags,
  ...rowFlags,
  ...targetFlags,
  partitionBy: flag.list({ placeholder: 'COLUMN', help: 'columns that make folders: NAME=VALUE' }),
  for: flag.choice(readers, {
    help: 'who reads the files, which decides how types are written',
    default: 'all',
  }),
  infinity: flag.choice(infinityChoices, {
    help: 'what becomes of infinite times and numbers',
    default: 'error',
  }),
  numeric: flag.text({
    placeholder: 'P,S',
    help: 'digits, and how many of them are decimals, of numerics without a precision; otherwise these are text',
  }),
  ...incrementalFlags,
  sortBy: flag.list({ placeholder: 'COLUMN', help: 'columns that the rows of each file are sorted by' }),
  parallel: flag.count({ help: 'connections that read at a time, all in one snapshot', default: '1' }),
  parallelBy: flag.text({
    placeholder: 'COLUMN',
    help: 'by whose values the rows are divided for --parallel; otherwise by where they lie in their table',
  }),
  targetFileSize: flag.size({ help: fileSizeHelp }),
  grace: flag.duration({
    help: 'how long replaced files stay where new files cannot take their names; not at all if not given',
  }),
  verify: flag.boolean('read the files back and compare them with the rows, before readers see them'),
  rowGroupRows: flag.count({
    help: 'maximum rows of a row group, or of a stripe in ORC',
    default: String(defaultRowGroupRows),
  }),
};

export type WriteInput = FlagValues<typeof writeFlags>;

/** @throws UserError exit 2 for flags that do not go together */
export function checkWriteFlags(input: WriteInput): void {
  const { sql, table, file, stdin, types, sortBy, parallel, parallelBy } = input;
  requireOneSource({
    '--sql': sql !== undefined,
    '--table': table !== undefined,
    '--file': file !== undefined,
    '--stdin': stdin,
  });
  const isFile = file !== undefined || stdin;
  if (types && !isFile)
    throw new UserError('--types goes with --file and --stdin', {
      hint: 'PostgreSQL knows the types of its columns, and a query can cast them.',
    });
  if (isFile && (sortBy.length > 0 || parallel > 1 || parallelBy !== undefined))
    throw new UserError('the rows of a file are read in their order, by one reader', {
      hint: 'Leave --sort-by, --parallel and --parallel-by out.',
    });
  checkIncrementalFlags(input);
  if (input.verify && input.to?.startsWith(s3Scheme))
    throw new UserError('files in S3 cannot be read before they are complete', {
      hint: 'Leave --verify out: the store checks the hash of each part that it gets. Or export to a folder.',
    });
  if (sortBy.length > 0 && parallel > 1)
    throw new UserError('rows that several connections read come in no order', {
      hint: 'Give --sort-by without --parallel.',
    });
}

/** How values are written. @throws UserError exit 2 */
export function writeRules(
  { numeric, infinity, for: reader }: WriteInput,
  format: 'parquet' | 'orc',
  misread: MisfitRules['misread'],
): WriteRules {
  return {
    profile: profileOf(format, reader),
    numeric: numeric === undefined ? undefined : parseDecimal(numeric),
    misfits: { infinity, misread, remedies },
  };
}

/** @throws UserError exit 2 */
function parseDecimal(text: string): Decimal {
  const [, precision, scale] = (/^(\d+)\s*,\s*(\d+)$/.exec(text) ?? []).map(Number);
  if (!precision || scale === undefined || precision > 38 || scale > precision)
    throw new UserError(`'${text}' does not say how many digits a number has`, {
      hint: 'Give --numeric PRECISION,SCALE: from 1 to 38 digits, and how many of them are decimals, as 38,10.',
    });
  return { precision, scale };
}

import { tmpdir } from 'node:os';

import { UserError } from '../../lib/core/errors.js';
import { counted, formatBytes } from '../../lib/core/units.js';
import { compareSides, type Comparison } from '../../lib/search/verify/compare.js';
import type { IndexSide } from '../../lib/search/verify/index-side.js';
import { openIndexSide } from '../../lib/search/verify/open-index-side.js';
import { bytesOfPairs } from '../../lib/search/verify/pair-file.js';
import { repair, type Repaired } from '../../lib/search/verify/repair.js';
import { KeptSide } from '../../lib/search/verify/kept-side.js';
import { RowSide } from '../../lib/search/verify/row-side.js';
import type { Side } from '../../lib/search/verify/side.js';
import { changeCommand } from '../../runtime/command.js';
import type { Context } from '../../runtime/context.js';
import { flag } from '../../runtime/flags.js';
import { engineFlags, openConfigured } from './shared/engine.js';
import { documentFlags, openDocuments } from './shared/rows.js';
import {
  conclusionOf,
  differs,
  type Names,
  presentVerification,
  resultOf,
  withPlan,
} from './shared/verification.js';

interface Prepared {
  readonly rows: RowSide;
  /** The rows, which can be read several times. */
  readonly source: Side;
  readonly index: IndexSide;
  readonly repair: boolean;
  /** What has to be named with `--confirm` before anything is deleted. */
  readonly confirm: string;
}

const { sql, file, stdin, parquet } = documentFlags;

export const verify = changeCommand({
  name: 'search verify',
  summary: 'compare an index with the database or a file, by id and content; exit 3 where they differ',
  synonyms: ['check', 'diff', 'compare'],
  description:
    'Reads both sides in full and compares hashes of ids and documents: members in any order, numbers by value with every digit. ' +
    'Whatever differs is looked at a second time, so that documents written meanwhile raise no alarm. Memory stays constant; 32 ' +
    'bytes a document of each side are kept in the folder for temporary files. --repair writes what is missing or stale, and deletes ' +
    'what only the index has: that needs --confirm ENV/INDEX@HOST:PORT. A document that was written since it was compared is left alone.',
  args: { index: { help: 'an index, alias or data stream', required: true } },
  flags: {
    keys: flag.boolean('compare every document by its id and content'),
    ...{ sql, file, stdin, parquet },
    id: flag.text({
      placeholder: 'FIELD',
      help: 'the field that search index took the ids from; without it they are hashes of the documents',
    }),
    routing: flag.text({ placeholder: 'FIELD', help: 'the field that search index took the routing from' }),
    repair: flag.boolean('make the index what the source is, then compare again'),
    ...engineFlags,
    postgresUrl: flag.forSetting('postgres.url', { help: 'PostgreSQL of this run' }),
  },
  examples: [
    {
      does: 'is every sensor of the database in the index, as it is there?',
      command: "metrify search verify sensors --keys --sql 'select * from sensors' --id sensor_id",
    },
    {
      does: 'every id that differs, a line each',
      command: 'metrify search verify sensors --keys --file sensors.jsonl --id id -o ndjson',
    },
    {
      does: 'mend it from cron',
      command:
        'metrify search verify sensors --keys --sql @sensors.sql --id sensor_id --repair --confirm production/sensors@10.0.0.5:9200',
    },
  ],
  junit: true,
  items: 'differences',

  async prepare(input, context): Promise<Prepared> {
    if (!input.keys)
      throw new UserError('nothing says what is to be compared', {
        hint: 'Add --keys: every document, by its id and content.',
      });
    const engine = await openConfigured(input, context, 'search verify');
    const takesRouting = input.routing !== undefined;
    const index = await openIndexSide(engine, input.index, { takesRouting }, context.signal);
    const opened = await openDocuments({ ...input, resumeColumn: undefined }, context, { resume: false });
    const heldForm = await engine.heldForm?.(input.index, context.signal);
    const rows = new RowSide(opened, { ...input, heldForm });
    const { environment } = await context.settings();
    return {
      rows,
      source: opened.rereadable ? rows : keep(rows, context),
      index,
      repair: input.repair,
      confirm: `${environment}/${input.index}@${engine.address}`,
    };
  },

  async preview(prepared, context) {
    const comparison = await compare(prepared, context);
    const result = resultOf(namesOf(prepared), comparison);
    return prepared.repair ? withPlan(result, prepared.confirm) : result;
  },
  presentPreview: presentVerification,
  foresees: conclusionOf,

  async run(prepared, context) {
    const before = await compare(prepared, context);
    if (!prepared.repair || !differs(before)) {
      const result = resultOf(namesOf(prepared), before);
      return { ...conclusionOf(result), result };
    }
    const repaired = await mend(prepared, before, context);
    const result = resultOf(namesOf(prepared), await compare(prepared, context), repaired);
    return { ...conclusionOf(result), result };
  },

  counts: ({ compared, missing, extra, stale }) => ({ compared, missing, extra, stale }),
  present: presentVerification,
});

function namesOf({ rows, index }: Prepared): Names {
  return { source: rows.label, index: index.label, refused: rows.refused };
}

function keep(rows: RowSide, context: Context): Side {
  const kept = new KeptSide(rows, tmpdir());
  context.closing(() => kept.close());
  return kept;
}

/** For people who read text; a program gets them all. */
const listed = 20;

function compare({ source, index }: Prepared, context: Context): Promise<Comparison> {
  const expected = (source.estimate ?? 0) + (index.estimate ?? 0);
  context.verbose(`the comparison keeps about ${formatBytes(bytesOfPairs(expected))} in ${tmpdir()}`);
  return context.during('comparing', 'documents', (progress) =>
    compareSides(source, index, {
      temporaryFolder: tmpdir(),
      listed: context.output === 'text' ? listed : Infinity,
      signal: context.signal,
      progress,
    }),
  );
}

async function mend(prepared: Prepared, before: Comparison, context: Context): Promise<Repaired> {
  const { rows, source, index, confirm } = prepared;
  const { differences, extra } = before;
  const deletes = extra > 0 && rows.refused === 0;
  const what = `delete ${counted(extra, 'document')} that only the index has`;
  if (deletes) await context.confirmTarget(confirm, what);
  return context.during('repairing', 'documents', () =>
    repair(differences, source, index, {
      clock: context.clock,
      // Of a row that could not be read now the document is there rightly.
      deletes: () => deletes && rows.refused === 0,
      signal: context.signal,
      waits: ({ reason }) => context.warn(`waiting: ${reason}`),
      started: (repaired) =>
        context.applied(
          () => resultOf(namesOf(prepared), before, repaired),
          () => 'To mend the rest, run the same command again.',
        ),
    }),
  );
}

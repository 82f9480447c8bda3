import { type ByteString, toBytes } from '../../lib/core/bytes.js';
import { ServiceConflict, UserError } from '../../lib/core/errors.js';
import { didYouMean } from '../../lib/core/nearest.js';
import type { IndexField, SearchEngine } from '../../lib/search/engine.js';
import { questionOf } from '../../lib/search/query/asked.js';
import { exactValue } from '../../lib/search/query/exact-value.js';
import { whyNothing } from '../../lib/search/query/nothing-found.js';
import type { Found, NativeFound, Question, Total } from '../../lib/search/query/question.js';
import { readCommand } from '../../runtime/command.js';
import type { Context } from '../../runtime/context.js';
import { flag } from '../../runtime/flags.js';
import { presentFound } from '../../ui/search-found.js';
import { engineFlags, openConfigured } from './shared/engine.js';
import { HitOutput } from './shared/hit-output.js';
import { given, type QuestionInput, questionFlags, readAsked, textOf } from './shared/question-flags.js';

interface Result {
  /** Undefined where it was not counted, or nobody read on. */
  readonly total: number | undefined;
  /** There are more hits than `total`. */
  readonly totalIsLowerBound?: true;
  /** With `--output json`. Elsewhere they are the data. */
  readonly hits?: readonly unknown[];
  readonly shown: number;
  /** By name: an AggregationResult; with `--dsl` as the engine answers. */
  readonly aggregations: Readonly<Record<string, unknown>>;
}

export const query = readCommand({
  name: 'search query',
  summary: 'find documents by text, type, value, time and place',
  synonyms: ['find', 'get', 'scroll', 'scan', 'aggregate'],
  description:
    'TEXT is words, and no character of it is an operator: documents with all of them are found, in any fields, also where letters differ (--fuzziness), ' +
    'the best first. All other conditions must hold. On a terminal hits are a table; elsewhere, and with --output ndjson, ' +
    'each is a line of JSON: its document as the server holds it, with all digits of numbers. --all reads every hit as of one moment, ' +
    'each exactly once; when a shard is missing it ends with exit 5.',
  args: {
    index: { help: 'an index, an alias, a data stream, or a pattern', required: true },
    text: { help: 'words to look for in all fields of text', required: false },
  },
  flags: {
    ...questionFlags,
    fields: flag.list({ placeholder: 'FIELD', help: 'members of the documents to print; all by default' }),
    dsl: flag.file({
      access: 'read',
      help: "a request in the engine's own language, instead of the question",
    }),
    all: flag.boolean('every hit, in no order unless --sort gives one'),
    meta: flag.boolean('lines with _id, _routing, _version and _source, as search index takes them'),
    ...engineFlags,
  },
  stdout: 'data',
  examples: [
    { does: 'sensors by name', command: 'metrify search query sensors "transformer north"' },
    {
      does: 'high values near a place, in the last hour',
      command:
        'metrify search query sensors --near 51.34,12.37 --within 5km --min-value 200 --from now-1h --type power',
    },
    {
      does: 'how many readings an hour, and how high',
      command:
        'metrify search query meter-readings --from now-1d --limit 0 --agg date:@timestamp:1h --agg percentiles:value:50,99',
    },
    { does: 'everything, to a file', command: 'metrify search query sensors --all --meta > sensors.ndjson' },
  ],

  async read(
    { index, fields, dsl, all, meta, engine: section, elasticsearchUrl: _, solrUrl: __, ...input },
    context,
  ) {
    refuseContradictions(input, { dsl, all });
    const native = dsl === undefined ? undefined : await readDsl(dsl, context);
    const asked = await readAsked(input, context.cwd);
    const engine = await openConfigured({ engine: section }, context, 'search query');
    const output = new HitOutput(context, {
      meta: meta || input.highlight || input.explain,
      fields: fields.length === 0 ? undefined : fields,
    });
    if (native !== undefined) {
      const found = await engine.searchNative(index, native, context.signal);
      await output.write(found.hits);
      return { verdict: 'ok', result: nativeResult(found, output) };
    }
    if (all && meta && fields.length === 0) await requireWhole(engine, index, context.signal);
    const known = await engine.fields(index, context.signal);
    const question = questionOf(asked, index, known, context.clock.now());
    if (all) {
      const isAll = await writeAll(engine, index, question, { output, meta }, context);
      warnOfUnseen(output, known, context);
      const total = isAll ? output.shown : undefined;
      return { verdict: 'ok', result: { total, ...output.result, aggregations: {} } };
    }
    const found = await engine.search(index, question, context.signal);
    await output.write(found.hits);
    warnOfUnseen(output, known, context);
    if (found.total.count === 0)
      for (const why of await whyNothing(engine, index, question, context.signal)) context.warn(why);
    return { verdict: 'ok', result: resultOf(found.total, output, found.aggregations) };
  },

  present({ total, totalIsLowerBound: atLeast = false, shown, aggregations }, printer) {
    presentFound(total === undefined ? undefined : { count: total, atLeast }, shown, aggregations, printer);
  },
});

/** @throws UserError exit 2 */
function refuseContradictions(
  input: QuestionInput,
  { dsl, all }: { readonly dsl: string | undefined; readonly all: boolean },
): void {
  const beside = (flags: readonly string[], other: string) => {
    if (flags.length === 0) return;
    throw new UserError(`${flags.join(', ')} and ${other} are not for each other`, {
      hint: `Leave out ${flags.length === 1 ? flags[0]! : 'the former'}, or ${other}.`,
    });
  };
  if (dsl !== undefined) beside([...given(input), ...(all ? ['--all'] : [])], '--dsl');
  if (all) beside(given(input, ['agg', 'limit', 'highlight', 'explain']), '--all');
}

async function readDsl(path: string, { cwd }: Context): Promise<ByteString> {
  const text = await textOf(path, cwd);
  try {
    JSON.parse(text);
  } catch (error) {
    throw new UserError(`${path} is not JSON`, { code: 'JSON_INVALID', cause: error });
  }
  return toBytes(text);
}

/** Lines that `search index --meta` writes back. @throws ServiceConflict exit 4 `SOURCE_INCOMPLETE` */
async function requireWhole(engine: SearchEngine, index: string, signal: AbortSignal): Promise<void> {
  const why = await engine.whyIncomplete?.(index, signal);
  if (why !== undefined)
    throw new ServiceConflict(why, {
      code: 'SOURCE_INCOMPLETE',
      hint: 'A dump of it cannot be restored. For what there is of its documents leave out --meta, or give --fields.',
    });
}

/** @returns false when nobody read on @throws as SearchEngine.scan, after a warning that what was printed is not everything */
async function writeAll(
  engine: SearchEngine,
  index: string,
  question: Question,
  { output, meta }: { readonly output: HitOutput; readonly meta: boolean },
  context: Context,
): Promise<boolean> {
  const scanned = engine.scan(index, {
    signal: context.signal,
    filter: engine.filterOf(question),
    sort: question.sort,
    versions: meta,
  });
  try {
    return await context.during('reading', 'documents', async (progress) => {
      for await (const hits of scanned) {
        if (!(await output.write(hits))) return false;
        progress.update(output.shown);
      }
      return true;
    });
  } catch (error) {
    if (output.shown > 0) context.warn(`the ${output.shown} hits so far are not everything`);
    throw error;
  }
}

/** Members of documents need not be in the mapping: only what no hit has is probably misspelt. */
function warnOfUnseen(output: HitOutput, known: readonly IndexField[], context: Context): void {
  const names = known.map(({ name }) => name);
  for (const field of output.unseenFields) context.warn(`no hit has '${field}'${didYouMean(field, names)}`);
}

function resultOf(total: Total, output: HitOutput, aggregations: Found['aggregations']): Result {
  return {
    total: total.count,
    ...(total.atLeast && { totalIsLowerBound: true }),
    ...output.result,
    aggregations,
  };
}

function nativeResult({ total, aggregations }: NativeFound, output: HitOutput): Result {
  return {
    total: total?.count,
    ...(total?.atLeast && { totalIsLowerBound: true }),
    ...output.result,
    aggregations: aggregations === undefined ? {} : (exactValue(aggregations) as Record<string, unknown>),
  };
}

import { resolve } from 'node:path';

import type { BulkLevel } from '../../../lib/cache/bulk-level.js';
import { findLevel } from '../../../lib/cache/open-bulk-level.js';
import { keyText } from '../../../lib/cache/key-text.js';
import { parseKeyTemplate } from '../../../lib/cache/warm/key-template.js';
import { compileEntry, type WarmPlan } from '../../../lib/cache/warm/plan.js';
import { warm as warmCache, type WarmResult } from '../../../lib/cache/warm/warm.js';
import { type ByteString, fromBytes } from '../../../lib/core/bytes.js';
import { UserError } from '../../../lib/core/errors.js';
import { counted, formatBytes, formatCount, formatDuration, formatPercent } from '../../../lib/core/units.js';
import type { RowSource } from '../../../lib/sources/row-source.js';
import type { Check, Outcome } from '../../../runtime/command.js';
import type { Context } from '../../../runtime/context.js';
import type { FlagValues } from '../../../runtime/flags.js';
import type { Printer } from '../../../runtime/printer.js';
import { continuing, resumeHint } from '../../shared/source/continue.js';
import { openSource } from '../../shared/source/open.js';
import { parseVerify, type rowFlags } from './warm-flags.js';
import { openLevel } from './open-level.js';

type RowsInput = FlagValues<typeof rowFlags>;

/** What `cache warm` from rows will do. */
export async function prepareRows(input: RowsInput, context: Context): Promise<WarmPlan> {
  const { key } = input;
  if (key === undefined)
    throw new UserError('--key is missing', {
      hint: "Name the key of each row: --key 'meter:{meter_id}:latest'",
    });
  parseKeyTemplate(key);
  if (!/^(json|hash|column:.+)$/.test(input.value))
    throw new UserError(`--value '${input.value}' is not json, hash or column:NAME`);
  const settings = await context.settings();
  const chosen = (input.to.length > 0 ? input.to : [undefined]).map((name) =>
    findLevel(settings.cache, name),
  );

  if (input.ttlJitter !== undefined && input.ttlJitter >= 1)
    throw new UserError('--ttl-jitter is a share below 100%', { hint: 'Write it like 10%.' });
  if (input.ttlJitter && !chosen.some((level) => input.ttl ?? level.ttl))
    throw new UserError('--ttl-jitter spreads a time to live, and there is none', { hint: 'Add --ttl.' });

  const source = await openSource(input, context, { resume: input.resume !== undefined });
  const levels: BulkLevel[] = [];
  for (const level of chosen) {
    const open = await openLevel(level, context);
    levels.push(open);
  }
  const plan: WarmPlan = {
    source,
    levels,
    key,
    value: input.value,
    ttlMs: chosen.map((level) => input.ttl ?? level.ttl ?? 0),
    ttlJitter: input.ttlJitter ?? 0,
    nx: input.nx,
    rate: input.rate,
    deadLetter: input.deadLetter,
    verify: parseVerify(input.verify),
  };
  if (plan.verify === 'all' && !source.rereadable)
    throw new UserError(`--verify all reads the source twice, and ${source.label} can be read once`, {
      hint: 'Use --verify N, or --file.',
    });
  // A template that names no column of the source is refused before anything is written.
  compileEntry(plan);
  if (input.resume !== undefined) plan.resume = await continueFrom(input.resume, plan, context);
  return plan;
}

export type RowsPreview = Awaited<ReturnType<typeof previewRows>>;

export async function previewRows(plan: WarmPlan, { signal }: Context) {
  const { source, levels, ttlMs, key, value, nx, ttlJitter, rate, resume } = plan;
  return {
    source: source.label,
    columns: source.columns.map((column) => column.name),
    estimatedRows: source.estimatedRows,
    levels: levels.map(({ name, target }, i) => ({ name, target, ttlMs: ttlMs[i] })),
    key,
    value,
    nx,
    ttlJitter,
    rate,
    /** The first row as it would be written. */
    example: await firstEntry(source, compileEntry(plan), signal),
    resumesAfterRow: resume?.reached?.position.rows,
  };
}

export function presentRowsPreview(preview: RowsPreview, printer: Printer): void {
  const { source, estimatedRows, levels, ttlJitter, nx, example, resumesAfterRow } = preview;
  const facts: [string, string][] = [
    ['from', `${source}${estimatedRows === undefined ? '' : `, about ${counted(estimatedRows, 'row')}`}`],
    ...levels.map(({ name, target, ttlMs }): [string, string] => {
      const ttl = ttlMs ? `for ${formatDuration(ttlMs)}` : 'without expiry';
      return ['to', `${name} at ${target}, ${ttl}${ttlJitter ? ` ± ${formatPercent(ttlJitter, 0)}` : ''}`];
    }),
    ['existing', nx ? 'keys that exist are left alone' : 'keys that exist are overwritten'],
  ];
  if (resumesAfterRow !== undefined) facts.push(['resumes', `after row ${formatCount(resumesAfterRow)}`]);
  if (example) facts.push(['first key', example.key], ['its value', example.value]);
  printer.heading('Would write');
  printer.facts(facts);
}

export async function runRows(plan: WarmPlan, context: Context): Promise<Outcome<WarmResult>> {
  let stoppedBy: unknown;
  const result = await context
    .during('warming', 'rows', (progress) =>
      warmCache(plan, {
        clock: context.clock,
        signal: context.signal,
        progress,
        warn: (message) => context.warn(message),
        notWritten: (problem) => context.notWritten(problem),
        started: (soFar) => context.applied(soFar, () => resumeHint(plan.source, plan.resume, stoppedBy)),
      }),
    )
    .catch((error: unknown) => {
      stoppedBy = error;
      throw error;
    });
  if (result.restarts > 0)
    context.warn(
      'a server was restarted during the run, so a sample of the keys was compared; what it had lost is counted as missing',
    );
  const { verified, failed } = result;
  const bad = (verified?.mismatched ?? 0) + (verified?.missing ?? 0) > 0;
  return {
    verdict: bad ? 'failed' : failed > 0 ? 'partial' : 'ok',
    result,
    checks: checksOf(result),
  };
}

export function rowCounts({ read, written, skipped, failed, bytes }: WarmResult) {
  return { read, written, skipped, failed, bytes };
}

export function presentRows(result: WarmResult, printer: Printer): void {
  printer.table({
    columns: [
      { title: 'level' },
      { title: 'written', align: 'right' },
      { title: 'skipped', align: 'right' },
      { title: 'failed', align: 'right' },
      { title: 'size', align: 'right' },
      { title: 'at' },
    ],
    rows: result.levels.map((level) => [
      level.name,
      formatCount(level.written),
      formatCount(level.skipped),
      level.failed > 0 ? printer.red(formatCount(level.failed)) : '0',
      formatBytes(level.bytes),
      level.target,
    ]),
  });
  printer.line(
    printer.dim(
      `${counted(result.read, 'row')} read${result.resumedAt === undefined ? '' : `, resumed after row ${formatCount(result.resumedAt)}`}`,
    ),
  );
  for (const { reason, count, firstLine } of result.failures)
    printer.bad(
      `${counted(count, 'row')}: ${reason}${firstLine === undefined ? '' : ` (${count === 1 ? '' : 'first on '}line ${firstLine})`}`,
    );
  if (result.failures.length > 0)
    printer.line(
      result.deadLetter === undefined
        ? '      keep them next time with --dead-letter FILE'
        : result.deadLettersMissing
          ? `      ${formatCount(result.deadLettersMissing)} of them ${result.deadLettersMissing === 1 ? 'is' : 'are'} missing in ${result.deadLetter}`
          : `      they are in ${result.deadLetter}`,
    );
  if (result.uncertain !== undefined)
    printer.warn(`${formatCount(result.uncertain)} more may have been written: their answers were lost`);
  if (!result.verified) return;
  const { checked, mismatched, missing, undecided, examples } = result.verified;
  if (mismatched + missing === 0)
    if (checked > 0)
      printer.ok(
        `${counted(checked, 'key')} compared with the source, ${checked === 1 ? 'the same' : 'all the same'}`,
      );
    else printer.warn('no key was written, so there was none to compare');
  else
    printer.bad(
      `of ${counted(checked, 'key')} compared, ${formatCount(mismatched)} ${mismatched === 1 ? 'differs' : 'differ'} and ${formatCount(missing)} ${missing === 1 ? 'is' : 'are'} missing`,
    );
  if (undecided)
    printer.line(
      `      ${formatCount(undecided)} more ${undecided === 1 ? 'differs' : 'differ'}, too many to read their rows again: another row may have the same key`,
    );
  for (const { key, level, problem } of examples) printer.line(`      ${problem}  ${key}  (${level})`);
}

async function continueFrom(
  path: string,
  plan: WarmPlan,
  context: Context,
): Promise<NonNullable<WarmPlan['resume']>> {
  // With zod, which other runs do without.
  const { openCheckpoint } = await import('../../../lib/cache/warm/checkpoint.js');
  return continuing(await openCheckpoint(resolve(context.cwd, path), plan), plan.source, context);
}

async function firstEntry(
  source: RowSource,
  entryOf: ReturnType<typeof compileEntry>,
  signal: AbortSignal,
): Promise<{ key: string; value: string } | undefined> {
  for await (const { rows } of source.batches({ signal }))
    for (const row of rows) {
      const { key, value } = entryOf(row);
      if (key !== null && value !== null)
        return {
          key: keyText(key),
          value: fromBytes((typeof value === 'string' ? value : value.join(' ')) as ByteString),
        };
    }
  return undefined;
}

function checksOf(result: WarmResult): Check[] {
  const checks: Check[] = [
    {
      name: 'every row was written',
      ...(result.failed > 0
        ? { failure: `${formatCount(result.failed)} of ${counted(result.read, 'row')} failed` }
        : {}),
    },
  ];
  if (result.verified) {
    const { checked, mismatched, missing } = result.verified;
    checks.push({
      name: 'the cache holds what the source gives',
      ...(mismatched + missing > 0
        ? { failure: `${mismatched} mismatched, ${missing} missing of ${checked}` }
        : {}),
    });
  }
  return checks;
}

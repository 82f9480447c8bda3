import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';

import { readCheckpoint, requireSameRun } from '../../../lib/cache/warm/checkpoint.js';
import type { BulkLevel } from '../../../lib/cache/bulk-level.js';
import { findLevel } from '../../../lib/cache/open-bulk-level.js';
import {
  compileEntry,
  identityOf,
  warm as warmCache,
  type WarmPlan,
  type WarmResult,
} from '../../../lib/cache/warm/warm.js';
import { openPostgres } from '../../../lib/clients/postgres.js';
import { requireSystem } from '../../../lib/clients/systems.js';
import { fromBytes, type ByteString } from '../../../lib/core/bytes.js';
import { errorMessage, UserError } from '../../../lib/core/errors.js';
import { formatBytes, formatCount, formatDuration, formatPercent } from '../../../lib/core/units.js';
import { openFileSource, openStdinSource } from '../../../lib/sources/open.js';
import type { RowSource } from '../../../lib/sources/row-source.js';
import { openSql } from '../../../lib/sources/sql.js';
import { selectOnly } from '../../../lib/sql/select-only.js';
import type { Check, Outcome } from '../../../runtime/command.js';
import type { Context } from '../../../runtime/context.js';
import type { FlagValues } from '../../../runtime/flags.js';
import type { Printer } from '../../../runtime/printer.js';
import { parseVerify, type rowFlags } from './warm-flags.js';
import { openLevel } from './open-level.js';

/** What `cache warm` from rows will do. */
export interface RowsPlan extends WarmPlan {
  /** The first row as it would be written. */
  example?: { key: string; value: string };
}

type RowsInput = FlagValues<typeof rowFlags>;

export async function planRows(input: RowsInput, context: Context): Promise<RowsPlan> {
  const { key } = input;
  if (key === undefined)
    throw new UserError('--key is missing', {
      hint: "Name the key of each row: --key 'meter:{meter_id}:latest'",
    });
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

  const source = await openSource(input, context);
  const levels: BulkLevel[] = [];
  for (const level of chosen) {
    const open = await openLevel(level, context);
    levels.push(open);
  }
  const plan: RowsPlan = {
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
  const entryOf = compileEntry(plan);
  if (input.resume !== undefined) plan.resume = await openCheckpoint(input.resume, plan, context);
  if (context.dryRun) {
    const example = await firstEntry(source, entryOf, context.signal);
    if (example) plan.example = example;
  }
  return plan;
}

export function rowsPlanData({
  source,
  levels,
  ttlMs,
  key,
  value,
  nx,
  ttlJitter,
  rate,
  example,
  resume,
}: RowsPlan): unknown {
  return {
    source: source.label,
    columns: source.columns,
    estimatedRows: source.estimatedRows,
    levels: levels.map(({ name, target }, i) => ({ name, target, ttlMs: ttlMs[i] })),
    key,
    value,
    nx,
    ttlJitter,
    rate,
    example,
    resumesAfterRow: resume?.checkpoint?.position.rows,
  };
}

export function presentRowsPlan(plan: RowsPlan, printer: Printer): void {
  const facts: [string, string][] = [
    [
      'from',
      `${plan.source.label}${plan.source.estimatedRows === undefined ? '' : `, about ${formatCount(plan.source.estimatedRows)} rows`}`,
    ],
    ...plan.levels.map(({ name, target }, i): [string, string] => {
      const ttl = plan.ttlMs[i] ? `for ${formatDuration(plan.ttlMs[i])}` : 'without expiry';
      return [
        'to',
        `${name} at ${target}, ${ttl}${plan.ttlJitter ? ` ± ${formatPercent(plan.ttlJitter, 0)}` : ''}`,
      ];
    }),
    ['existing', plan.nx ? 'keys that exist are left alone' : 'keys that exist are overwritten'],
  ];
  if (plan.resume?.checkpoint)
    facts.push(['resumes', `after row ${formatCount(plan.resume.checkpoint.position.rows)}`]);
  if (plan.example) facts.push(['first key', plan.example.key], ['its value', plan.example.value]);
  printer.heading('Would write');
  printer.facts(facts);
}

export async function applyRows(plan: RowsPlan, context: Context): Promise<Outcome<WarmResult>> {
  const progress = context.progress('warming');
  let result: WarmResult;
  try {
    result = await warmCache(plan, {
      clock: context.clock,
      signal: context.signal,
      progress,
      warn: (message) => context.warn(message),
      started: (soFar) => context.applied(soFar, () => resumeHint(plan)),
    });
  } finally {
    progress.end();
  }
  if (result.restarts > 0)
    context.warn(
      'a server was restarted during the run, so a sample of the keys was compared; what it had lost is counted as missing',
    );
  const { verified, failed, written, skipped, bytes } = result;
  const bad = (verified?.mismatched ?? 0) + (verified?.missing ?? 0) > 0;
  return {
    verdict: bad ? 'failed' : failed > 0 ? 'partial' : 'ok',
    result,
    checks: checksOf(result),
    items: { read: result.read, written, skipped, failed, bytes },
  };
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
      `${formatCount(result.read)} rows read${result.resumedAt === undefined ? '' : `, resumed after row ${formatCount(result.resumedAt)}`}`,
    ),
  );
  for (const { reason, count, firstLine } of result.failures)
    printer.bad(
      `${formatCount(count)} ${count === 1 ? 'row' : 'rows'}: ${reason}${firstLine === undefined ? '' : ` (${count === 1 ? '' : 'first on '}line ${firstLine})`}`,
    );
  if (result.failures.length > 0)
    printer.line(
      result.deadLetter === undefined
        ? '      keep them next time with --dead-letter FILE'
        : `      they are in ${result.deadLetter}`,
    );
  if (!result.verified) return;
  const { checked, mismatched, missing, undecided, examples } = result.verified;
  if (mismatched + missing === 0)
    if (checked > 0) printer.ok(`${formatCount(checked)} keys compared with the source, all the same`);
    else printer.warn('no key was written, so there was none to compare');
  else
    printer.bad(
      `of ${formatCount(checked)} keys compared, ${formatCount(mismatched)} differ and ${formatCount(missing)} are missing`,
    );
  if (undecided)
    printer.line(
      `      ${formatCount(undecided)} more differ, too many to read their rows again: another row may have the same key`,
    );
  for (const { key, level, problem } of examples)
    printer.line(`      ${problem}  ${fromBytes(key)}  (${level})`);
}

async function openSource(input: RowsInput, context: Context): Promise<RowSource> {
  const given = [input.sql !== undefined, input.file !== undefined, input.stdin].filter(Boolean).length;
  if (given !== 1)
    throw new UserError(given === 0 ? 'no source is given' : 'more than one source is given', {
      hint: 'Give one of --sql, --file and --stdin.',
    });
  if (input.resumeColumn !== undefined && input.sql === undefined)
    throw new UserError('--resume-column goes with --sql', { hint: 'Files are resumed by themselves.' });
  const source = await (async () => {
    if (input.file !== undefined) return openFileSource(resolve(context.cwd, input.file));
    if (input.stdin) {
      if (input.resume !== undefined)
        throw new UserError('standard input cannot be resumed', {
          hint: 'Use --file, or leave --resume out.',
        });
      return openStdinSource(context.terminal.stdin);
    }
    const sql = await selectOnly(await sqlText(input.sql!, context.cwd));
    const settings = await context.settings();
    const postgres = requireSystem(settings, 'postgres', '--sql');
    const client = await openPostgres(postgres, settings, context.signal);
    context.closing(() => client.close());
    return (await openSql(client, sql, {
      resumeColumn: input.resumeColumn,
      statementTimeoutMs: settings.requestTimeoutMs,
    })) as RowSource;
  })();
  context.closing(() => source.close());
  return source;
}

/** `--sql` is the text itself, or `@FILE`. */
async function sqlText(sql: string, cwd: string): Promise<string> {
  if (!sql.startsWith('@')) return sql;
  const path = resolve(cwd, sql.slice(1));
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new UserError(`--sql ${sql}: ${errorMessage(error)}`);
  }
}

async function openCheckpoint(
  path: string,
  plan: RowsPlan,
  context: Context,
): Promise<NonNullable<RowsPlan['resume']>> {
  const file = resolve(context.cwd, path);
  const checkpoint = await readCheckpoint(file);
  if (checkpoint) requireSameRun(file, checkpoint.run, identityOf(plan));
  if (startsOver(plan)) {
    context.warn(
      checkpoint
        ? 'SQL without --resume-column cannot be gone on with: starting over'
        : 'SQL without --resume-column cannot be gone on with: should this run be stopped, it starts over',
    );
    return { path: file };
  }
  if (!checkpoint) return { path: file };
  return { path: file, checkpoint };
}

async function firstEntry(
  source: RowSource,
  entryOf: ReturnType<typeof compileEntry>,
  signal: AbortSignal,
): Promise<RowsPlan['example']> {
  for await (const { rows } of source.batches({ signal }))
    for (const row of rows) {
      const { key, value } = entryOf(row);
      if (key !== null && value !== null)
        return {
          key: fromBytes(key),
          value: fromBytes((typeof value === 'string' ? value : value.join(' ')) as ByteString),
        };
    }
  return undefined;
}

/** No order, no place to go on from. */
function startsOver({ source }: RowsPlan): boolean {
  return source.identity.kind === 'sql' && source.identity.resumeColumn === undefined;
}

function resumeHint(plan: RowsPlan): string {
  if (plan.source.identity.kind === 'stdin') return 'What was written stays. Run the same command again.';
  if (plan.resume && existsSync(plan.resume.path) && !startsOver(plan))
    return `To go on, run the same command again: it continues from ${plan.resume.path}.`;
  const flags = startsOver(plan) ? '--resume FILE and --resume-column C' : '--resume FILE';
  return plan.resume && !startsOver(plan)
    ? `To go on, run the same command again: it was too soon for a checkpoint in ${plan.resume.path}, so it starts over.`
    : `What was written stays. Run the same command again; with ${flags} it could have gone on from here.`;
}

function checksOf(result: WarmResult): Check[] {
  const checks: Check[] = [
    {
      name: 'every row was written',
      ...(result.failed > 0 ? { failure: `${result.failed} of ${result.read} rows failed` } : {}),
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

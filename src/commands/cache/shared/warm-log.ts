import { resolve } from 'node:path';

import { compileGlob } from '../../../lib/cache/glob.js';
import { type LogTally, tallyLog, type WarmPath } from '../../../lib/cache/http-warm/log-tally.js';
import { type HttpWarmPlan, type HttpWarmResult, warmHttp } from '../../../lib/cache/http-warm/warm-http.js';
import { fromBytes } from '../../../lib/core/bytes.js';
import { UserError } from '../../../lib/core/errors.js';
import { maskSecrets } from '../../../lib/core/redact.js';
import { formatBytes, formatCount, formatDuration, formatPercent } from '../../../lib/core/units.js';
import { openLog } from '../../../lib/access-log/file.js';
import type { Outcome } from '../../../runtime/command.js';
import type { Context } from '../../../runtime/context.js';
import type { FlagValues } from '../../../runtime/flags.js';
import type { Printer } from '../../../runtime/printer.js';
import { version } from '../../../version.js';
import { type httpFlags, parseVerify } from './warm-flags.js';

/** What `cache warm --access-log` will do. */
export interface LogPlan extends HttpWarmPlan {
  label: string;
}

const usualSample = 200;
const mostConnections = 256;
const shownPaths = 10;

export async function planLog(input: FlagValues<typeof httpFlags>, context: Context): Promise<LogPlan> {
  const base = parseBase(input.url);
  const sample = parseVerify(input.verify) ?? usualSample;
  const host = input.host;
  if (host !== undefined && !/^[a-z0-9.[\]:_-]+$/i.test(host))
    throw new UserError(`--host '${host}' is no host name`);
  if (input.concurrency > mostConnections)
    throw new UserError(`--concurrency ${input.concurrency} is more than ${mostConnections}`);
  const excluded = input.exclude.map(compileGlob);
  const settings = await context.settings();

  const label = input.accessLog!;
  const log = await openLog(resolve(context.cwd, label));
  context.closing(() => void log.stream.destroy());
  const progress = context.progress('reading the log');
  const { paths, tally } = await tallyLog(
    { ...log, label },
    {
      host,
      exclude: (path) => excluded.some((matches) => matches(path)),
      signal: context.signal,
      progress: { update: (done, total) => progress.update(done, total, 'bytes') },
    },
  ).finally(() => progress.end());
  warnOf(tally, label, host, context);
  return {
    label,
    base,
    origin: {
      host,
      connections: input.concurrency,
      userAgent: `metrify/${version} (cache warm)`,
      connectTimeoutMs: settings.connectTimeoutMs,
      requestTimeoutMs: settings.requestTimeoutMs,
    },
    log: tally,
    paths: paths.slice(0, input.maxPaths ?? paths.length),
    rate: input.rate,
    sample,
  };
}

/** Only an origin: the paths of a log are whole. */
function parseBase(url: string | undefined): URL {
  if (url === undefined)
    throw new UserError('--url is missing', {
      hint: 'Name the cache that is to be warmed: --url http://127.0.0.1:8080',
    });
  const hint = 'Give it like http://127.0.0.1:8080 or https://cdn.example.com: the paths come from the log.';
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (!base || !/^https?:$/.test(base.protocol))
    throw new UserError(`--url '${url}' is no http:// or https:// URL`, { hint });
  if (base.username !== '' || base.password !== '')
    throw new UserError('--url holds a user: requests are sent without any', { hint });
  if (base.pathname !== '/' || base.search !== '' || base.hash !== '')
    throw new UserError(`--url '${url}' is more than a scheme and a host`, { hint });
  return base;
}

function warnOf(tally: LogTally, label: string, host: string | undefined, context: Context): void {
  if (tally.malformed > 0)
    context.warn(
      `${formatCount(tally.malformed)} of ${formatCount(tally.read)} lines of ${label} could not be read and were left out`,
    );
  if (tally.cutShort) context.warn(`${label} became shorter while it was read: it was probably rotated`);
  if (!tally.exact)
    context.warn(
      `${label} has more paths than fit into memory: rare ones are missing, and counts may be up to ${formatCount(tally.maxError)} too high`,
    );
  if (host === undefined && tally.hosts.length > 1)
    context.warn(
      `${label} is of several sites (${tally.hosts.slice(0, 3).join(', ')}${tally.hosts.length > 3 ? ', …' : ''}), and all paths are asked for at one: --host NAME picks a site`,
    );
  if (tally.distinct === 0) context.warn(`${label} shows no GET or HEAD that a cache could have kept`);
}

const shown = (path: WarmPath) => maskSecrets(fromBytes(path.path));

export function logPlanData({ label, base, origin, log, paths, rate, sample }: LogPlan): unknown {
  return {
    source: label,
    base: base.origin,
    host: origin.host,
    ...log,
    toRequest: paths.length,
    coverage: coverageOf(log, paths),
    concurrency: origin.connections,
    rate,
    sample,
    first: paths
      .slice(0, shownPaths)
      .map((path) => ({ path: shown(path), count: path.count, method: path.method })),
  };
}

export function presentLogPlan(plan: LogPlan, printer: Printer): void {
  const { label, base, origin, log, paths, rate } = plan;
  printer.heading('Would request');
  printer.facts([
    ['from', `${label}, ${formatCount(log.read)} lines, ${formatCount(log.distinct)} distinct paths`],
    ['left out', skippedText(log)],
    ['at', `${base.origin}${origin.host === undefined ? '' : `, as ${origin.host}`}`],
    [
      'paths',
      `${formatCount(paths.length)}, which are ${formatPercent(coverageOf(log, paths))} of the log's requests; variants come on top`,
    ],
    [
      'pace',
      rate === undefined
        ? `${origin.connections} at a time`
        : `${formatCount(rate)}/s, at least ${formatDuration((paths.length / rate) * 1000)}`,
    ],
  ]);
  if (paths.length === 0) return;
  printer.line();
  printer.table({
    columns: [{ title: 'in the log', align: 'right' }, { title: 'method' }, { title: 'path' }],
    rows: paths.slice(0, shownPaths).map((path) => [formatCount(path.count), path.method, shown(path)]),
  });
  if (paths.length > shownPaths)
    printer.line(printer.dim(`and ${formatCount(paths.length - shownPaths)} more`));
}

function coverageOf(log: LogTally, paths: readonly WarmPath[]): number {
  return log.requests === 0
    ? 0
    : Math.min(1, paths.reduce((sum, { count }) => sum + count, 0) / log.requests);
}

function skippedText({ malformed, skipped }: Pick<LogTally, 'malformed' | 'skipped'>): string {
  const parts: [number, string][] = [
    [skipped.method, 'with other methods'],
    [skipped.status, 'answered with an error'],
    [skipped.unsafe, 'with an unsafe path'],
    [skipped.host, 'for other sites'],
    [skipped.excluded, 'excluded'],
    [malformed, 'unreadable'],
  ];
  const text = parts.filter(([count]) => count > 0).map(([count, what]) => `${formatCount(count)} ${what}`);
  return text.length === 0 ? 'nothing' : text.join(', ');
}

export async function applyLog(plan: LogPlan, context: Context): Promise<Outcome<HttpWarmResult>> {
  const progress = context.progress('warming');
  let result: HttpWarmResult;
  try {
    result = await warmHttp(plan, {
      clock: context.clock,
      signal: context.signal,
      progress,
      started: (soFar) =>
        context.applied(
          soFar,
          () => 'What was requested is cached. The same command starts again at the most frequent path.',
        ),
    });
  } finally {
    progress.end();
  }
  if (result.ok > 0 && result.hitRatio.header === null)
    context.warn(
      'no answer says whether it came from a cache, so there is no hit ratio; in NGINX: add_header X-Cache-Status $upstream_cache_status;',
    );
  const { requested, variants, ok, gone, failed, bytes } = result;
  return {
    verdict: failed === 0 ? 'ok' : ok === 0 ? 'failed' : 'partial',
    result,
    checks: [
      {
        name: 'every path was answered',
        ...(failed > 0 ? { failure: `${failed} of ${requested + variants} requests failed` } : {}),
      },
    ],
    items: { read: result.read, requested, variants, ok, gone, failed, bytes },
  };
}

export function presentLog(result: HttpWarmResult, printer: Printer): void {
  const { hitRatio } = result;
  const ratio = (value: number | null) => (value === null ? 'not known' : formatPercent(value));
  printer.facts([
    [
      'log',
      `${formatCount(result.read)} lines, ${formatCount(result.distinct)} distinct paths; left out: ${skippedText(result)}`,
    ],
    [
      'requested',
      `${formatCount(result.requested)} paths and ${formatCount(result.variants)} variants of them at ${result.base}, ${formatBytes(result.bytes)}`,
    ],
    ['covers', `${formatPercent(result.coverage)} of the log's requests`],
    [
      'answers',
      Object.entries(result.statuses)
        .map(([status, count]) => `${formatCount(count)} × ${status}`)
        .join(', ') || 'none',
    ],
    ['hit ratio before', ratio(hitRatio.before)],
    [
      'hit ratio after',
      `${ratio(hitRatio.after)}${hitRatio.sampled > 0 ? `, ${formatCount(hitRatio.sampled)} paths asked again, by ${hitRatio.header}` : ''}`,
    ],
  ]);
  if (result.notCacheable > 0)
    printer.warn(`${formatCount(result.notCacheable)} answered that they are not to be cached`);
  if (result.gone > 0) printer.warn(`${formatCount(result.gone)} are not there any more (404, 410)`);
  if (result.cut > 0)
    printer.warn(`${formatCount(result.cut)} answers were too long to be read to their end`);
  for (const { reason, count, example } of result.failures)
    printer.bad(`${formatCount(count)} × ${reason}, for example ${example}`);
}

import { resolve } from 'node:path';

import { compileGlob } from '../../../lib/cache/glob.js';
import { type LogTally, tallyLog, type WarmPath } from '../../../lib/cache/http-warm/log-tally.js';
import { type HttpWarmPlan, type HttpWarmResult, warmHttp } from '../../../lib/cache/http-warm/warm-http.js';
import { fromBytes } from '../../../lib/core/bytes.js';
import { errorMessage, UserError } from '../../../lib/core/errors.js';
import { counted, formatBytes, formatCount, formatDuration, formatPercent } from '../../../lib/core/units.js';
import { readUrl } from '../../../lib/core/url.js';
import { originUrl } from '../../../lib/http/url-shapes.js';
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

export async function prepareLog(input: FlagValues<typeof httpFlags>, context: Context): Promise<LogPlan> {
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
  const { paths, tally } = await context.during('reading the log', 'bytes', (progress) =>
    tallyLog(
      { ...log, label },
      {
        host,
        exclude: (path) => excluded.some((matches) => matches(path)),
        signal: context.signal,
        progress,
      },
    ),
  );
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
  try {
    readUrl(url, originUrl);
  } catch (error) {
    throw new UserError(`--url ${errorMessage(error)}`, { hint });
  }
  return base;
}

function warnOf(tally: LogTally, label: string, host: string | undefined, context: Context): void {
  if (tally.malformed > 0)
    context.warn(
      `${formatCount(tally.malformed)} of ${counted(tally.read, 'line')} of ${label} could not be read and ${tally.malformed === 1 ? 'was' : 'were'} left out`,
    );
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

const shown = (path: WarmPath) => fromBytes(path.path);

export type LogPreview = ReturnType<typeof previewLog>;

export function previewLog({ label, base, origin, log, paths, rate, sample }: LogPlan) {
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

export function presentLogPreview(preview: LogPreview, printer: Printer): void {
  const { source, base, host, toRequest, rate, first } = preview;
  printer.heading('Would request');
  printer.facts([
    ['from', `${source}, ${counted(preview.read, 'line')}, ${counted(preview.distinct, 'distinct path')}`],
    ['left out', skippedText(preview)],
    ['at', `${base}${host === undefined ? '' : `, as ${host}`}`],
    [
      'paths',
      `${formatCount(toRequest)}, which ${toRequest === 1 ? 'is' : 'are'} ${formatPercent(preview.coverage)} of the log's requests; variants come on top`,
    ],
    [
      'pace',
      rate === undefined
        ? `${preview.concurrency} at a time`
        : `${formatCount(rate)}/s, at least ${formatDuration((toRequest / rate) * 1000)}`,
    ],
  ]);
  if (toRequest === 0) return;
  printer.line();
  printer.table({
    columns: [{ title: 'in the log', align: 'right' }, { title: 'method' }, { title: 'path' }],
    rows: first.map(({ count, method, path }) => [formatCount(count), method, path]),
  });
  if (toRequest > first.length)
    printer.line(printer.dim(`and ${formatCount(toRequest - first.length)} more`));
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

export async function runLog(plan: LogPlan, context: Context): Promise<Outcome<HttpWarmResult>> {
  const result = await context.during('warming', 'requests', (progress) =>
    warmHttp(plan, {
      clock: context.clock,
      signal: context.signal,
      progress,
      started: (soFar) =>
        context.applied(
          soFar,
          () => 'What was requested is cached. The same command starts again at the most frequent path.',
        ),
    }),
  );
  if (result.ok > 0 && result.hitRatio.header === null)
    context.warn(
      'no answer says whether it came from a cache, so there is no hit ratio; in NGINX: add_header X-Cache-Status $upstream_cache_status;',
    );
  const { requested, variants, ok, failed } = result;
  return {
    verdict: failed === 0 ? 'ok' : ok === 0 ? 'failed' : 'partial',
    result,
    checks: [
      {
        name: 'every path was answered',
        ...(failed > 0
          ? { failure: `${formatCount(failed)} of ${counted(requested + variants, 'request')} failed` }
          : {}),
      },
    ],
  };
}

export function logCounts({ read, requested, variants, ok, gone, failed, bytes }: HttpWarmResult) {
  return { read, requested, variants, ok, gone, failed, bytes };
}

export function presentLog(result: HttpWarmResult, printer: Printer): void {
  const { hitRatio } = result;
  const ratio = (value: number | null) => (value === null ? 'not known' : formatPercent(value));
  printer.facts([
    [
      'log',
      `${counted(result.read, 'line')}, ${counted(result.distinct, 'distinct path')}; left out: ${skippedText(result)}`,
    ],
    [
      'requested',
      `${counted(result.requested, 'path')} and ${counted(result.variants, 'variant')} of them at ${result.base}, ${formatBytes(result.bytes)}`,
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
      `${ratio(hitRatio.after)}${hitRatio.sampled > 0 ? `, ${counted(hitRatio.sampled, 'path')} asked again, by ${hitRatio.header}` : ''}`,
    ],
  ]);
  if (result.notCacheable > 0)
    printer.warn(
      `${counted(result.notCacheable, 'answer')} must not be cached, by ${result.notCacheable === 1 ? 'its' : 'their'} own headers`,
    );
  if (result.gone > 0)
    printer.warn(
      `${counted(result.gone, 'path')} ${result.gone === 1 ? 'is' : 'are'} not there any more (404, 410)`,
    );
  if (result.cut > 0)
    printer.warn(
      `${counted(result.cut, 'answer')} ${result.cut === 1 ? 'was' : 'were'} too long to be read to the end`,
    );
  for (const { reason, count, example } of result.failures)
    printer.bad(`${formatCount(count)} × ${reason}, for example ${example}`);
}

import type { HttpWarmResult } from '../../lib/cache/http-warm/warm-http.js';
import type { WarmPlan } from '../../lib/cache/warm/plan.js';
import type { WarmResult } from '../../lib/cache/warm/warm.js';
import { UserError } from '../../lib/core/errors.js';
import { changeCommand, type Outcome } from '../../runtime/command.js';
import { flagName, type Flags } from '../../runtime/flags.js';
import { memcachedServers, hazelcastUrl, postgresUrl, redisUrl } from './shared/flags.js';
import { httpFlags, rowFlags } from './shared/warm-flags.js';
import {
  logCounts,
  type LogPlan,
  type LogPreview,
  prepareLog,
  presentLog,
  presentLogPreview,
  previewLog,
  runLog,
} from './shared/warm-log.js';
import {
  prepareRows,
  presentRows,
  presentRowsPreview,
  previewRows,
  rowCounts,
  type RowsPreview,
  runRows,
} from './shared/warm-rows.js';

/** One of the two forms: rows into levels, or the paths of a log through an HTTP cache. */
type Prepared = { rows: WarmPlan } | { log: LogPlan };

export const warm = changeCommand({
  name: 'cache warm',
  summary: 'fill caches from SQL, CSV or JSON lines, HTTP caches from an access log',
  synonyms: ['load', 'fill', 'import', 'preload'],
  description:
    'Streams rows and writes one key for each. A cache in use can get older values back: what a service wrote ' +
    'after the rows were read is overwritten. With --nx only missing keys are written. With --access-log the paths ' +
    'of a log are requested once each at --url, without cookies or credentials; leave out what acts on a GET ' +
    'with --exclude.',
  flags: { ...rowFlags, redisUrl, memcachedServers, hazelcastUrl, postgresUrl, ...httpFlags },
  junit: true,
  examples: [
    {
      does: 'the latest reading of every meter, for an hour, spread over 12 minutes',
      command: `metrify cache warm --sql @latest.sql --key 'meter:{meter_id}:latest' --ttl 1h --ttl-jitter 10%`,
    },
    {
      does: 'a file into two levels, at most 20,000 rows a second, resumable, every value compared',
      command: `metrify cache warm --file meters.csv --key 'meter:{id}' --to redis,memcached --rate 20000 --resume warm.json --verify all`,
    },
    {
      does: 'see what would be written',
      command: `metrify cache warm --file meters.csv --key 'meter:{id}' --dry-run`,
    },
    {
      does: "an NGINX or Varnish node from yesterday's log, the 10,000 most frequent paths, 50 requests a second",
      command: `metrify cache warm --access-log access.log.1 --url http://127.0.0.1:8080 --max-paths 10000 --rate 50`,
    },
  ],

  async prepare(input, context): Promise<Prepared> {
    if (input.accessLog !== undefined) {
      refuse(input, rowFlags, httpFlags, 'does not go with --access-log');
      return { log: await prepareLog(input, context) };
    }
    refuse(input, httpFlags, rowFlags, 'goes with --access-log');
    return { rows: await prepareRows(input, context) };
  },

  preview: async (prepared, context): Promise<LogPreview | RowsPreview> =>
    'log' in prepared ? previewLog(prepared.log) : previewRows(prepared.rows, context),

  presentPreview(preview, printer) {
    if ('base' in preview) presentLogPreview(preview, printer);
    else presentRowsPreview(preview, printer);
  },

  run: (prepared, context): Promise<Outcome<WarmResult | HttpWarmResult>> =>
    'log' in prepared ? runLog(prepared.log, context) : runRows(prepared.rows, context),

  counts: (result) => ('hitRatio' in result ? logCounts(result) : rowCounts(result)),

  present(result, printer) {
    if ('hitRatio' in result) presentLog(result, printer);
    else presentRows(result, printer);
  },
});

/** @throws UserError exit 2 when a flag that only the other form knows was given. */
function refuse(input: Record<string, unknown>, others: Flags, own: Flags, why: string): void {
  for (const [key, { initial }] of Object.entries(others)) {
    const value = input[key];
    if (key in own || value === initial || (Array.isArray(value) && value.length === 0)) continue;
    throw new UserError(`${flagName(key)} ${why}`, { hint: 'See: metrify cache warm --help' });
  }
}

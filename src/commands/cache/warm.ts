import type { HttpWarmResult } from '../../lib/cache/http-warm/warm-http.js';
import type { WarmResult } from '../../lib/cache/warm/warm.js';
import { UserError } from '../../lib/core/errors.js';
import { changeCommand, type Outcome } from '../../runtime/command.js';
import type { Context } from '../../runtime/context.js';
import { flagName, type Flags } from '../../runtime/flags.js';
import type { Printer } from '../../runtime/printer.js';
import { memcachedServers, hazelcastUrl, postgresUrl, redisUrl } from './shared/flags.js';
import { httpFlags, rowFlags } from './shared/warm-flags.js';
import { applyLog, logPlanData, planLog, presentLog, presentLogPlan } from './shared/warm-log.js';
import { applyRows, planRows, presentRows, presentRowsPlan, rowsPlanData } from './shared/warm-rows.js';

/** The plan of one of the two forms: rows into levels, or the paths of a log through an HTTP cache. */
interface Plan {
  data(): unknown;
  present(printer: Printer): void;
  apply(context: Context): Promise<Outcome<WarmResult | HttpWarmResult>>;
}

export const warm = changeCommand({
  name: 'cache warm',
  summary: 'fill caches from SQL, CSV or JSON lines, HTTP caches from an access log',
  description:
    'Streams rows and writes one key for each. A cache in use can get older values back: what a service wrote ' +
    'after the rows were read is overwritten. With --nx only missing keys are written. With --access-log the paths ' +
    'of a log are requested once each at --url, without cookies or credentials; leave out what acts on a GET ' +
    'with --exclude.',
  flags: { ...rowFlags, redisUrl, memcachedServers, hazelcastUrl, postgresUrl, ...httpFlags },
  checks: true,
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

  async plan(input, context): Promise<Plan> {
    if (input.accessLog !== undefined) {
      refuse(input, rowFlags, httpFlags, 'does not go with --access-log');
      const plan = await planLog(input, context);
      return {
        data: () => logPlanData(plan),
        present: (printer) => presentLogPlan(plan, printer),
        apply: (applying) => applyLog(plan, applying),
      };
    }
    refuse(input, httpFlags, rowFlags, 'goes with --access-log');
    const plan = await planRows(input, context);
    return {
      data: () => rowsPlanData(plan),
      present: (printer) => presentRowsPlan(plan, printer),
      apply: (applying) => applyRows(plan, applying),
    };
  },

  planData: (plan) => plan.data(),
  presentPlan: (plan, printer) => plan.present(printer),
  apply: (plan, context) => plan.apply(context),

  present(result: WarmResult | HttpWarmResult, printer) {
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

import { hostname } from 'node:os';
import { randomUUID } from 'node:crypto';

import { runWorker, type WorkerResult } from '../../lib/cache/write-behind/worker.js';
import type { PostgresSettings, RedisSettings } from '../../lib/clients/settings.js';
import { requireSystem } from '../../lib/clients/systems.js';
import { type Interrupted, UserError } from '../../lib/core/errors.js';
import { counted, formatCount } from '../../lib/core/units.js';
import { changeCommand } from '../../runtime/command.js';
import { flag } from '../../runtime/flags.js';
import type { Settings } from '../../runtime/settings.js';
import { postgresUrl, redisUrl } from './shared/flags.js';

interface Prepared {
  settings: Settings;
  redis: RedisSettings;
  postgres: PostgresSettings;
  untilEmpty: boolean;
  batch: number;
  leaseMs: number;
  connections: number;
}

export const worker = changeCommand({
  name: 'cache worker',
  summary: 'take queued writes to PostgreSQL',
  synonyms: ['drain'],
  description:
    'Runs until it is stopped; any number of workers may run, one works and the others stand by. A write that the database refuses is put ' +
    'aside with its reason and holds back later writes of its key: see cache queue. Ends with 6 when there were such, ' +
    'with 3 when writes vanished from the queue, and with 0 when it is stopped with SIGTERM and all was well.',
  flags: {
    untilEmpty: flag.boolean('end when nothing waits any more'),
    batch: flag.count({ help: 'writes in one transaction', default: '2000' }),
    lease: flag.duration({
      help: 'another worker takes over from one that was silent for so long',
      default: '10s',
    }),
    connections: flag.count({ help: 'transactions at once', default: '4' }),
    redisUrl,
    postgresUrl,
  },
  examples: [
    { does: 'as a service', command: 'metrify cache worker' },
    { does: 'in a CI step', command: 'metrify cache worker --until-empty --timeout 5m --json' },
  ],

  async prepare({ untilEmpty, batch, lease, connections }, context): Promise<Prepared> {
    const settings = await context.settings();
    const redis = requireSystem(settings, 'redis', 'the worker');
    const postgres = requireSystem(settings, 'postgres', 'the worker');
    if (Object.keys(settings.cache.writeBehind?.tables ?? {}).length === 0)
      throw new UserError('no table is configured for write-behind', {
        code: 'NOT_CONFIGURED',
        hint: 'Name them with their keys, below environments: default: in the configuration: cache: { writeBehind: { tables: { sensor_data: { key: [sensor_id] } } } }',
      });
    if (lease < 100) throw new UserError('a lease of less than 100ms cannot be kept');
    return {
      settings,
      redis,
      postgres,
      untilEmpty,
      batch: Math.min(batch, 50_000),
      leaseMs: lease,
      connections,
    };
  },

  preview: ({ settings, untilEmpty, batch, leaseMs, connections }) => ({
    tables: settings.cache.writeBehind!.tables,
    untilEmpty,
    batch,
    leaseMs,
    connections,
  }),

  presentPreview({ tables, untilEmpty }, printer) {
    printer.line(
      `Would take queued writes to ${Object.keys(tables).join(', ')}${untilEmpty ? ' until the queue is empty' : ''}`,
    );
  },

  async run({ settings, redis, postgres, untilEmpty, batch, leaseMs, connections }, context) {
    const result = await context.during('writing', 'writes', (progress) =>
      runWorker({
        connectTimeoutMs: settings.connectTimeoutMs,
        requestTimeoutMs: settings.requestTimeoutMs,
        redis,
        postgres,
        tables: settings.cache.writeBehind!.tables,
        durability: settings.cache.writeBehind!.durability,
        holder: `${hostname()}:${randomUUID().slice(0, 8)}`,
        untilEmpty,
        batch,
        leaseMs,
        connections,
        retentionMs: 86_400_000,
        clock: context.clock,
        progress,
        warn: (message) => context.warn(message),
        started: (soFar) =>
          context.applied(
            soFar,
            () => 'Nothing is lost: what was not written yet waits for the next worker.',
          ),
        signal: context.signal,
      }),
    );
    // SIGTERM is how a service is stopped: this one has done what was asked of it.
    const { signal } = context;
    if (signal.aborted && (signal.reason as Interrupted).reason !== 'SIGTERM') throw signal.reason;
    const verdict = result.losses.length > 0 ? 'failed' : result.failed + result.held > 0 ? 'partial' : 'ok';
    return { verdict, result };
  },

  counts: ({ applied, repeated, failed, held }: WorkerResult) => ({ applied, repeated, failed, held }),

  present(result: WorkerResult, printer) {
    const { applied, repeated, failed, held, losses } = result;
    printer.ok(
      `${counted(applied, 'write')} applied${repeated > 0 ? `, ${formatCount(repeated)} had been before` : ''}`,
    );
    if (failed > 0) {
      printer.bad(
        `${formatCount(failed)} put aside${held > 0 ? `, ${formatCount(held)} held back behind them` : ''}`,
      );
      printer.line(printer.dim('      See: metrify cache queue status'));
    } else if (held > 0) printer.warn(`${formatCount(held)} held back: see metrify cache queue status`);
    for (const { partition, entries } of losses)
      printer.bad(
        `partition ${partition}: ${entries > 0 ? counted(entries, 'write') : 'an unknown number of writes'} vanished from the queue`,
      );
  },
});

import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { ServiceConflict, UserError } from '../core/errors.js';
import { ExitCode } from '../core/exit-codes.js';
import { writeFileInPlace } from '../core/files.js';
import { counted, formatCount, formatDuration } from '../core/units.js';
import type { Started } from './premises.js';
import { incomingTable } from './schema.js';
import { type Stage, stepGroup } from './stage.js';
import { quarterHourMs, townEnd, type Town } from './town.js';

const table = 'incoming_readings';
const quartersPerMeter = 30;
/** Few, so that the queue's status fits on a screen. */
const partitions = 4;
/** A worker that takes this many turns for the burst can be caught in the middle of it. */
const turns = 60;
const lease = '1s';
const startLimitMs = 15_000;

const configuration = `environments:
  demo:
    cache:
      writeBehind:
        tables:
          ${table}: { key: [meter_id, at] }
`;

/** Write-behind as a service has it. */
export interface QueueWriter {
  /** @returns the operation id, once the write is queued. */
  insert(key: string, table: string, row: Record<string, unknown>): Promise<string>;
  /** Takes the queue, with all that is in it, out of Redis. */
  remove(): Promise<void>;
}

/** @throws ServiceConflict when this Redis is no place for a queue. */
export type OpenQueueWriter = (options: {
  /** Of Redis, comma-separated. */
  url: string;
  tables: Record<string, { key: string[] }>;
  partitions: number;
  signal: AbortSignal;
}) => Promise<QueueWriter>;

export interface WriteBehindCounts {
  /** Writes that the service was told are queued. */
  acknowledged: number;
  /** Rows in the table when the worker was dead. */
  writtenWhenKilled?: number;
  /** Rows in the table at the end, and how many different readings they are. */
  rows: number;
  readings: number;
  /** Acknowledged operations that the database knows as applied. */
  operations: number;
}

interface QueueState {
  writer?: QueueWriter;
  operationIds: string[];
  counts: WriteBehindCounts;
}

/** A burst of writes, a worker killed in the middle, the queue drained by the next one, and the counts compared. */
export function queueSteps(openWriter: OpenQueueWriter) {
  return stepGroup({
    name: 'queue',
    state: (): QueueState => ({
      operationIds: [],
      counts: { acknowledged: 0, rows: 0, readings: 0, operations: 0 },
    }),
    async leftOut(stage, state) {
      const { url } = stage.cache;
      if (url === undefined) return 'write-behind is left out: its queue is in Redis, and there is none';
      try {
        const tables = { [table]: { key: ['meter_id', 'at'] } };
        const writer = await openWriter({ url, tables, partitions, signal: stage.signal });
        stage.closing(() => writer.remove());
        state.writer = writer;
        return undefined;
      } catch (error) {
        if (error instanceof ServiceConflict) return `write-behind is left out: ${error.message}`;
        throw error;
      }
    },
    steps: [
      {
        title: 'write behind: queue a burst of new readings',
        async run(stage, state) {
          await stage.database.query(incomingTable);
          await writeFileInPlace(join(stage.desk, 'metrify.config.yaml'), configuration);
          for (const line of `# metrify.config.yaml\n${configuration}`.trimEnd().split('\n'))
            stage.narrator.line(stage.narrator.dim(line));
          const rows = burst(stage.town);
          const started = performance.now();
          state.operationIds = await Promise.all(
            rows.map((row) => state.writer!.insert(keyOf(row), table, row)),
          );
          state.counts.acknowledged = rows.length;
          const tookMs = performance.now() - started;
          stage.narrator.line(
            `${counted(rows.length, 'write')} acknowledged in ${formatDuration(tookMs)}; PostgreSQL has ${formatCount(await countRows(stage))} of them`,
          );
        },
      },
      {
        title: 'start a worker, and kill it in the middle',
        async run(stage, { counts }) {
          const total = counts.acknowledged;
          const batch = Math.max(1, Math.ceil(total / turns));
          const worker = await stage.start(['cache', 'worker', '--batch', String(batch), '--lease', lease]);
          stage.closing(async () => {
            worker.kill();
            await worker.ended;
          });
          const killed = await killWhen(worker, async () => (await countRows(stage)) >= total / 3, stage);
          const written = await countRows(stage);
          counts.writtenWhenKilled = written;
          stage.narrator.line(
            `${killed}; PostgreSQL has ${formatCount(written)} of ${counted(total, 'row')}` +
              (written < total ? '' : ': it was done before it was hit'),
          );
        },
      },
      { title: 'see what waits', run: (stage) => stage.metrify(['cache', 'queue', 'status']) },
      {
        title: 'let another worker drain the queue',
        run(stage) {
          for (const line of [
            `# It takes over when the dead worker's lease of ${lease} has ended. What that one had committed, but not`,
            '# yet taken off the queue, is known by its operation id and not written again.',
          ])
            stage.narrator.line(stage.narrator.dim(line));
          return stage.metrify(['cache', 'worker', '--until-empty', '--lease', lease]);
        },
      },
      {
        title: 'compare what was acknowledged with what was written',
        async run(stage, { operationIds, counts }) {
          const report = await stage.metrify(['cache', 'queue', 'status']);
          const [row] = await stage.database.query(
            `select (select count(*) from ${table})::int as rows,
               (select count(*) from (select distinct meter_id, at from ${table}) r)::int as readings,
               (select count(distinct op_id) from metrify_queue_applied where op_id = any($1::uuid[]))::int as operations`,
            [`{${operationIds.join(',')}}`],
          );
          Object.assign(counts, row);
          stage.narrator.line(stage.narrator.green(compared(counts)));
          return report;
        },
      },
    ],
    summary: ({ counts }) => counts,
  });
}

/** The counts in a line. @throws UserError when they are not equal. */
export function compared(counts: WriteBehindCounts): string {
  const { acknowledged, rows, readings, operations } = counts;
  const equal = [rows, readings, operations].every((count) => count === acknowledged);
  const sign = equal ? '=' : '≠';
  const line = [
    `${counted(acknowledged, 'write')} acknowledged`,
    `${counted(rows, 'row')}`,
    `${formatCount(readings)} different readings`,
    `${formatCount(operations)} distinct operation ids`,
  ].join(` ${sign} `);
  if (equal) return line;
  throw new UserError(`write-behind lost or doubled something: ${line}`, {
    code: 'DEMO_STEP_FAILED',
    exitCode: ExitCode.bug,
  });
}

type IncomingRow = { meter_id: string; at: string; kwh: number };

const keyOf = (row: IncomingRow) => `meter:${row.meter_id}:incoming`;

/** What the meters send next: a quarter hour after the other, each of the whole town. */
export function burst(town: Town): IncomingRow[] {
  const days = town.meters.map((meter) => ({
    meter_id: meter.id,
    readings: town.readings(meter).slice(0, quartersPerMeter),
  }));
  return Array.from({ length: quartersPerMeter }, (_, quarter) =>
    days.map(({ meter_id, readings }) => ({
      meter_id,
      at: new Date(townEnd + quarter * quarterHourMs).toISOString(),
      kwh: readings[quarter]!.kwh,
    })),
  ).flat();
}

async function countRows({ database }: Stage): Promise<number> {
  const [row] = await database.query(`select count(*)::int as rows from ${table}`);
  return Number(row!.rows);
}

/** @returns what was done, for people. @throws UserError when it ended by itself or never came so far. */
async function killWhen(worker: Started, due: () => Promise<boolean>, { signal }: Stage): Promise<string> {
  let ended = false;
  void worker.ended.then(() => (ended = true));
  for (const limit = performance.now() + startLimitMs; !(await due());) {
    signal.throwIfAborted();
    if (ended || performance.now() > limit)
      throw new UserError(`the worker ${ended ? 'ended' : 'wrote nothing'} before it was killed`, {
        code: 'DEMO_STEP_FAILED',
        exitCode: ExitCode.bug,
        hint: worker.stderr().trim(),
      });
    await delay(2);
  }
  worker.kill();
  await worker.ended;
  return `Worker ${worker.pid} got a SIGKILL`;
}

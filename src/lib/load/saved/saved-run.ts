import { randomUUID } from 'node:crypto';

import { errorMessage, UserError } from '../../core/errors.js';
import { readText } from '../../core/input-file.js';
import { read } from '../../core/schema/findings.js';
import { unreadable } from '../../core/unreadable.js';
import { counted } from '../../core/units.js';
import type { LoadPlan, LoadTally } from '../generator.js';
import {
  type AddTo,
  type Pack,
  packNames,
  packTimeline,
  unpackNames,
  unpackTimeline,
} from '../packed-tally.js';
import type { Shard } from '../shard.js';
import { NameTally, type OpenLatencies } from '../tally.js';
import { firstSliceMs } from '../timeline.js';
import { describePlan, type PlanDescription } from './plan-description.js';
import { savedFormat, type SavedRunData, savedRunSchema, savedVersion } from './schema.js';

/** A run that was saved: what was planned, and all that was counted. */
export interface SavedRun {
  readonly id: string;
  readonly plan: PlanDescription;
  readonly shard?: Shard | undefined;
  readonly threads: number;
  /** As they were written. */
  readonly thresholds: readonly string[];
  readonly abortedBy?: string | undefined;
  readonly stopped?: true | undefined;
  /** Names that always had a row. */
  readonly pinned: readonly string[];
  readonly tally: LoadTally;
}

const encode: Pack<string> = (latencies) => latencies.encode();
const addEncoded: AddTo<string> = (latencies, text) => latencies.addEncoded(text);

export interface HowItRan {
  readonly plan: LoadPlan;
  readonly thresholds: readonly string[];
  readonly abortedBy?: string | undefined;
  readonly stopped?: true | undefined;
}

/** The file of a saved run. */
export function encodeRun(tally: LoadTally, { plan, thresholds, abortedBy, stopped }: HowItRan): string {
  const data: SavedRunData = {
    format: savedFormat,
    version: savedVersion,
    id: randomUUID(),
    startedAt: new Date(tally.startedAt).toISOString(),
    elapsedMs: tally.elapsedMs,
    plan: structuredClone(describePlan(plan)) as SavedRunData['plan'],
    ...(plan.shard && { shard: plan.shard }),
    threads: plan.threads,
    lost: [...tally.lost],
    thresholds: [...thresholds],
    ...(abortedBy === undefined ? {} : { abortedBy }),
    ...(stopped && { stopped }),
    due: tally.due,
    resent: tally.resent,
    mostConnections: tally.mostConnections,
    lastSentMs: tally.lastSentMs,
    endedMs: tally.endedMs,
    busy: tally.busy,
    ...(tally.shortfall === undefined ? {} : { shortfall: tally.shortfall }),
    network: tally.network as SavedRunData['network'],
    lag: tally.lag.encode(),
    slowest: [...tally.slowest],
    pinned: [...(plan.names ?? [])],
    names: packNames(tally.names, encode) as SavedRunData['names'],
    timeline: packTimeline(tally.timeline, encode) as SavedRunData['timeline'],
  };
  return `${JSON.stringify(data)}\n`;
}

/** @throws UserError when the file cannot be read, or is not a saved run of this version */
export async function readRun(path: string, open: OpenLatencies): Promise<SavedRun> {
  let text: string;
  try {
    text = await readText(path);
  } catch (error) {
    throw unreadable(path, error);
  }
  return decodeRun(text, path, open);
}

const code = 'SAVED_RUN';

/** @throws UserError when it is not a saved run of this version */
export function decodeRun(text: string, path: string, open: OpenLatencies): SavedRun {
  const data = check(parse(text, path), path);
  const startedAt = Date.parse(data.startedAt);
  try {
    const names = unpackNames(data.names, open, addEncoded);
    const timeline = unpackTimeline(data.timeline, open, addEncoded);
    const lag = open();
    lag.addEncoded(data.lag);
    const total = names.total();
    const inTime = timeline.slices.reduce((sum, { slice }) => sum + slice.sent, 0);
    if (total.sent !== total.answered + total.failed + total.incomplete.count || total.sent !== inTime)
      throw new Error(`its ${counted(total.sent, 'request')} and what became of them do not add up`);
    const { id, shard, threads, thresholds, abortedBy, stopped, pinned } = data;
    const { due, resent, mostConnections, lastSentMs, endedMs, elapsedMs, lost, busy, shortfall } = data;
    const counts = { due, resent, mostConnections, lastSentMs, endedMs, elapsedMs, lost, busy, shortfall };
    const { slowest, network } = data as Pick<LoadTally, 'slowest' | 'network'>;
    return {
      ...{ id, shard, threads, thresholds, abortedBy, stopped, pinned },
      plan: data.plan as PlanDescription,
      tally: {
        ...counts,
        // Of one machine's run only.
        ...{ warmup: new NameTally(open), iterations: undefined, usedUpMs: undefined },
        ...{ names, timeline, lag, slowest, network, startedAt },
      },
    };
  } catch (error) {
    throw notOne(path, errorMessage(error));
  }
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notOne(path, 'it is not JSON');
  }
}

function check(data: unknown, path: string): SavedRunData {
  const { format, version } = (
    typeof data === 'object' && data !== null ? data : {}
  ) as Partial<SavedRunData>;
  if (format !== savedFormat) throw notOne(path, `its 'format' is not '${savedFormat}'`);
  if (version !== savedVersion)
    throw new UserError(
      `${path} has version ${String(version)} of a saved run, and this metrify reads ${savedVersion}`,
      {
        code,
        hint: 'Read it with the version of metrify that saved it.',
      },
    );
  const { value, findings } = read(savedRunSchema, data);
  if (value === undefined) {
    const [first] = findings;
    throw notOne(path, `${first?.path.join('.') ?? ''}: ${first?.message ?? ''}`);
  }
  if (!Number.isInteger(Math.log2(value.timeline.sliceMs / firstSliceMs)))
    throw notOne(path, `slices of ${value.timeline.sliceMs} ms are not seconds, joined two by two`);
  return value;
}

function notOne(path: string, why: string): UserError {
  return new UserError(`${path} is not a saved run: ${why}`, {
    code,
    hint: 'Give files that metrify load run --save has written, as they are.',
  });
}

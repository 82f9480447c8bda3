import { UserError } from '../core/errors.js';
import { counted } from '../core/units.js';
import type { LoadPlan } from './generator.js';
import type { Stage } from './job.js';

/** The most connections of an open loop that says nothing of them. */
const mostConnections = 1000;

/** How much load, as people say it. */
export interface LoadShape {
  /** Requests a second, of an open loop. */
  readonly rate?: number | undefined;
  readonly stages?: readonly Stage[] | undefined;
  /** Of a closed loop; of an open one the maximum. */
  readonly connections?: number | undefined;
  /** Milliseconds. */
  readonly duration: number;
  readonly threads: number;
}

/** @throws UserError when it is not said, or said twice */
export function arrivalsOf({
  rate,
  stages,
  connections,
  duration,
  threads,
}: LoadShape): Pick<LoadPlan, 'arrivals' | 'durationMs' | 'maxConnections'> {
  if (rate !== undefined && stages !== undefined)
    throw new UserError('rate and stages exclude each other', { hint: 'Leave one out.' });
  const maxConnections = connections ?? mostConnections;
  if (threads > maxConnections)
    throw new UserError(`${threads} threads cannot share ${counted(maxConnections, 'connection')}`, {
      hint: 'Have as many connections as threads, or more.',
    });
  if (stages) {
    const durationMs = stages.reduce((sum, stage) => sum + stage.durationMs, 0);
    return { durationMs, arrivals: { loop: 'open', stages }, maxConnections };
  }
  if (rate !== undefined) {
    const steady = [{ durationMs: duration, from: rate, to: rate }];
    return { durationMs: duration, arrivals: { loop: 'open', stages: steady }, maxConnections };
  }
  if (connections === undefined)
    throw new UserError('how much load is not said', {
      hint: 'Give rate or stages for an open loop, connections for a closed one.',
    });
  return { durationMs: duration, arrivals: { loop: 'closed', users: connections }, maxConnections };
}

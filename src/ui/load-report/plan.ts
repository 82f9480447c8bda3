import { counted, formatCount, formatDuration } from '../../lib/core/units.js';
import type { Stage } from '../../lib/load/job.js';
import type { PlanDescription } from '../../lib/load/saved/plan-description.js';
import { formatRate } from '../load-figures.js';

export type PlanFact = readonly [name: string, value: string];

/** What was asked for. */
export function planFacts(plan: PlanDescription): PlanFact[] {
  const { targets, arrivals, maxConnections, drainMs, timeoutMs } = plan;
  const load: PlanFact[] =
    arrivals.loop === 'open'
      ? [
          ['load', `open loop: ${arrivals.stages.map(stageText).join(', then ')}`],
          ['connections', `at most ${formatCount(maxConnections)}`],
        ]
      : [
          ['load', `closed loop: ${usersText(arrivals)}, one request after the other`],
          ['duration', formatDuration(plan.durationMs)],
        ];
  return [
    [targets.length === 1 ? 'target' : 'targets', targets.join(', ')],
    ...load,
    ['request time-out', formatDuration(timeoutMs)],
    ['drain', `at most ${formatDuration(drainMs)}`],
  ];
}

interface PlannedReplay {
  readonly target: string;
  /** The name of the log. */
  readonly source: string;
  readonly speed: number;
  readonly plan: Pick<PlanDescription, 'maxConnections' | 'drainMs' | 'timeoutMs'>;
}

export function replayFacts({ target, source, speed, plan }: PlannedReplay): PlanFact[] {
  return [
    ['target', target],
    ['load', `the requests of ${source}${speed === 1 ? '' : `, ${speed} times as fast`}`],
    ['connections', `at most ${formatCount(plan.maxConnections)}`],
    ['request time-out', formatDuration(plan.timeoutMs)],
    ['drain', `at most ${formatDuration(plan.drainMs)}`],
  ];
}

/** `20 users`, `0 to 20 users in 30s, then 20 users for 2m`. */
function usersText({ users, stages }: { users: number; stages?: readonly Stage[] }): string {
  if (!stages) return counted(users, 'user');
  return stages
    .map(({ durationMs, from, to }) => {
      const duration = formatDuration(durationMs);
      return from === to
        ? `${counted(to, 'user')} for ${duration}`
        : `${formatCount(from)} to ${counted(to, 'user')} in ${duration}`;
    })
    .join(', then ');
}

/** `200/s for 30s`, `100/s to 500/s in 1m`. */
export function stageText({ durationMs, from, to }: Stage): string {
  const duration = formatDuration(durationMs);
  return from === to
    ? `${formatRate(to)} for ${duration}`
    : `${formatRate(from)} to ${formatRate(to)} in ${duration}`;
}

import { formatCount, formatDuration } from '../../lib/core/units.js';
import type { Stage } from '../../lib/load/job.js';
import type { PlanDescription } from '../../lib/load/saved/plan-description.js';
import { formatRate } from '../load-figures.js';

/** What was asked for, as names and values. */
export function planFacts(plan: PlanDescription): [name: string, value: string][] {
  const { targets, arrivals, maxConnections, drainMs, timeoutMs } = plan;
  const load: [string, string][] =
    arrivals.loop === 'open'
      ? [
          ['load', `open loop: ${arrivals.stages.map(stageText).join(', then ')}`],
          ['connections', `at most ${formatCount(maxConnections)}`],
        ]
      : [
          ['load', `closed loop: ${formatCount(arrivals.users)} users, one request after the other`],
          ['duration', formatDuration(plan.durationMs)],
        ];
  return [
    [targets.length === 1 ? 'target' : 'targets', targets.join(', ')],
    ...load,
    ['request time-out', formatDuration(timeoutMs)],
    ['drain', `at most ${formatDuration(drainMs)}`],
  ];
}

/** `200/s for 30s`, `100/s to 500/s in 1m`. */
export function stageText({ durationMs, from, to }: Stage): string {
  const duration = formatDuration(durationMs);
  return from === to
    ? `${formatRate(to)} for ${duration}`
    : `${formatRate(from)} to ${formatRate(to)} in ${duration}`;
}

import { silentProgress, type Progress } from '../../../lib/core/progress.js';
import { counted, formatCount, formatDuration } from '../../../lib/core/units.js';
import { type LiveRun, LiveRecorder } from '../../../lib/load/live-run.js';
import type { LoadPlan } from '../../../lib/load/generator.js';
import type { OnSlice } from '../../../lib/load/so-far.js';
import type { OpenLatencies } from '../../../lib/load/tally.js';
import type { Threshold } from '../../../lib/load/threshold.js';
import type { Context } from '../../../runtime/context.js';
import { flag } from '../../../runtime/flags.js';
import { formatRate } from '../../../ui/load-figures.js';

export const watchFlags = {
  noLive: flag.boolean('lines of progress instead of the view that a terminal has'),
};

interface Watched {
  /** What is tested. */
  readonly title: string;
  readonly plan: LoadPlan;
  readonly thresholds: readonly Threshold[];
  readonly open: OpenLatencies;
  readonly noLive: boolean;
}

/** Shows how a run stands while it lasts: a view on a terminal, lines elsewhere and in CI, nothing with `--quiet` and JSON. */
export async function watching<T>(
  watched: Watched,
  context: Context,
  run: (onSlice: OnSlice, progress: Progress) => Promise<T>,
): Promise<T> {
  const { plan, thresholds, open } = watched;
  const recorder = new LiveRecorder(plan, thresholds, open);
  const { durationMs } = plan;
  // How long a recording is, nobody knows before its end.
  if (durationMs === undefined || !hasView(watched, context))
    return context.during('load', 'requests', (progress) =>
      run((second, soFar) => tell(recorder.see(second, soFar), progress), silentProgress),
    );
  const { openLoadView } = await import('../../../ui/load-live.js');
  const { title } = watched;
  const { arrivals, drainMs } = plan;
  const stages = arrivals.loop === 'recorded' ? [] : (arrivals.stages ?? []);
  const of = arrivals.loop === 'closed' ? 'users' : 'rate';
  const view = openLoadView(context.terminal, { title, durationMs, drainMs, stages, of });
  try {
    return await context.drawing(view, () =>
      run((second, soFar) => view.show(recorder.see(second, soFar)), silentProgress),
    );
  } finally {
    view.erase();
  }
}

function hasView({ noLive }: Watched, { isSilent, terminal, env }: Context): boolean {
  const isCi = env['CI'] !== undefined && env['CI'] !== '' && env['CI'] !== 'false';
  return !noLive && !isSilent && terminal.stderrIsTerminal && !isCi && env['TERM'] !== 'dumb';
}

function tell({ seconds, sent, answered, errors, p95, underWay }: LiveRun, progress: Progress): void {
  const { sent: rate, wanted } = seconds.at(-1)!;
  const parts = [
    `${formatRate(rate)} now${wanted === null ? '' : `, of ${formatRate(wanted)} wanted`}`,
    `p95 ${p95 === null ? '–' : formatDuration(p95)}`,
    counted(errors, 'error'),
  ];
  progress.update(
    answered,
    undefined,
    `${parts.join('  ')}  ${formatCount(underWay)} of ${formatCount(sent)} under way`,
  );
}

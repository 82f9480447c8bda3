import { UserError } from '../../core/errors.js';
import { parseDuration } from '../../core/units.js';
import type { LoadPlan } from '../generator.js';
import type { Stage } from '../job.js';
import { defaults, type Scenario, type ScenarioLoad } from './schema.js';

/** How much load, and how long: of a scenario, of flags, or of both. */
export type LoadSettings = Pick<
  Scenario,
  'load' | 'duration' | 'warmup' | 'drain' | 'connections' | 'requestTimeout'
>;

/**
 * Where neither rate, users nor stages are said, each connection is a user.
 * @throws UserError when that is not said either
 */
export function loadPlanOf(
  settings: LoadSettings,
): Pick<
  LoadPlan,
  'arrivals' | 'durationMs' | 'warmupMs' | 'drainMs' | 'maxConnections' | 'timeoutMs' | 'connectTimeoutMs'
> {
  const {
    load,
    warmup,
    connections,
    duration = parseDuration(defaults.duration),
    drain = parseDuration(defaults.drain),
    requestTimeout = parseDuration(defaults.requestTimeout),
  } = settings;
  const { rate, users, stages: written, arrivals: spacing } = load ?? {};
  const rest = {
    drainMs: drain,
    timeoutMs: requestTimeout,
    connectTimeoutMs: Math.min(requestTimeout, 5000),
    ...(warmup === undefined ? {} : { warmupMs: warmup }),
  };
  const stages = written
    ? stagesOf(written)
    : rate === undefined
      ? undefined
      : [{ durationMs: duration, from: rate, to: rate }];
  if (stages) {
    const durationMs = stages.reduce((sum, stage) => sum + stage.durationMs, 0);
    if (written?.[0]?.users === undefined)
      return {
        ...rest,
        durationMs,
        arrivals: { loop: 'open', stages, ...(spacing === 'poisson' && { spacing }) },
        maxConnections: connections ?? defaults.connections,
      };
    const most = Math.ceil(Math.max(...stages.flatMap(({ from, to }) => [from, to])));
    return {
      ...rest,
      durationMs,
      arrivals: { loop: 'closed', users: most, stages },
      maxConnections: connections ?? most,
    };
  }
  const closed = users ?? connections;
  if (closed === undefined)
    throw new UserError('how much load is not said', {
      hint: 'Give a rate for an open loop, or users or connections for a closed one.',
    });
  return {
    ...rest,
    durationMs: duration,
    arrivals: { loop: 'closed', users: closed },
    maxConnections: connections ?? closed,
  };
}

function stagesOf(written: NonNullable<ScenarioLoad['stages']>): Stage[] {
  let last = 0;
  return written.map(({ duration, rate, users, from = last }) => {
    const to = rate ?? users ?? 0;
    last = to;
    return { durationMs: duration, from, to };
  });
}

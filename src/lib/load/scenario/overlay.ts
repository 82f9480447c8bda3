import { UserError } from '../../core/errors.js';
import type { Stage } from '../job.js';
import type { LoadSettings } from './load-settings.js';
import type { ScenarioLoad } from './schema.js';

/** How much load, as it is said on a command line or in a call. Durations are milliseconds. */
export interface GivenLoad {
  /** Tasks, or requests of a URL, a second. */
  readonly rate?: number | undefined;
  readonly stages?: readonly Stage[] | undefined;
  readonly users?: number | undefined;
  readonly connections?: number | undefined;
  readonly poisson?: boolean | undefined;
  readonly duration?: number | undefined;
  readonly warmup?: number | undefined;
  readonly drain?: number | undefined;
  readonly requestTimeout?: number | undefined;
}

/**
 * What is given wins over what is written.
 * @param written what a scenario says; nothing for a URL
 * @param nameOf what is given, in messages: `--rate`
 * @throws UserError when what is given contradicts itself, or what it does not replace
 */
export function overlayLoad(
  written: LoadSettings,
  given: GivenLoad,
  nameOf: (key: string) => string = (key) => key,
): LoadSettings {
  const { rate, stages, users, poisson } = given;
  const said = Object.entries({ rate, stages, users }).flatMap(([key, value]) =>
    value === undefined ? [] : [nameOf(key)],
  );
  if (said.length > 1)
    throw new UserError(`${said.slice(0, 2).join(' and ')} exclude each other`, { hint: 'Leave one out.' });
  const own: ScenarioLoad | undefined = stages
    ? { stages: stages.map(({ durationMs, from, to }) => ({ duration: durationMs, from, rate: to })) }
    : rate !== undefined
      ? { rate }
      : users !== undefined
        ? { users }
        : undefined;
  const load = own ?? written.load;
  if (load?.stages && given.duration !== undefined)
    throw new UserError(`${nameOf('duration')} contradicts the stages, which say how long the run is`, {
      hint: `Leave it out, or give ${nameOf('rate')} or ${nameOf('users')}.`,
    });
  const isOpen = load?.rate !== undefined || load?.stages?.[0]?.rate !== undefined;
  if (poisson && !isOpen)
    throw new UserError(`${nameOf('poisson')} is about a rate, and this load has none`, {
      hint: `Give ${nameOf('rate')} or ${nameOf('stages')}.`,
    });
  const pick = <K extends 'duration' | 'warmup' | 'drain' | 'connections' | 'requestTimeout'>(key: K) =>
    given[key] ?? written[key];
  return {
    load: load && { ...load, ...(poisson && { arrivals: 'poisson' as const }) },
    duration: load?.stages ? undefined : pick('duration'),
    warmup: pick('warmup'),
    drain: pick('drain'),
    connections: pick('connections'),
    requestTimeout: pick('requestTimeout'),
  };
}

import { UserError } from '../../../lib/core/errors.js';
import type { LoadSettings } from '../../../lib/load/scenario/load-settings.js';
import { defaults, type ScenarioLoad } from '../../../lib/load/scenario/schema.js';
import { parseStages } from '../../../lib/load/stages.js';
import { flag, type FlagValues } from '../../../runtime/flags.js';

/** How much load, and how long. They win over what a scenario says. */
export const loadFlags = {
  rate: flag.parsed('N', positive, {
    help: 'requests a second, or tasks of a scenario, due at fixed times whatever the answers are (an open loop)',
  }),
  stages: flag.parsed('DURATION:RATE,…', parseStages, {
    help: 'an open loop whose rate goes in straight lines: 30s:100,1m:500',
  }),
  users: flag.count({ help: 'a closed loop: so many users, each with one task after the other' }),
  connections: flag.count({
    help: 'the most connections at one time; without rate, stages and users, a closed loop over so many',
  }),
  poisson: flag.boolean('the times between requests of an open loop are as those of independent users'),
  duration: flag.duration({ help: `how long requests are due (default: ${defaults.duration})` }),
  warmup: flag.duration({ help: 'how long requests are sent before that, outside of the statistics' }),
  drain: flag.duration({
    help: `how long requests under way at the end are waited for (default: ${defaults.drain})`,
  }),
  requestTimeout: flag.duration({
    help: `a request without a whole answer fails after this (default: ${defaults.requestTimeout})`,
  }),
};

/**
 * @param written what a scenario says; nothing for a URL
 * @throws UserError when flags contradict each other, or what they do not replace
 */
export function overlayLoad(written: LoadSettings, input: FlagValues<typeof loadFlags>): LoadSettings {
  const { rate, stages, users, poisson } = input;
  const given = Object.entries({ rate, stages, users }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`],
  );
  if (given.length > 1)
    throw new UserError(`${given.slice(0, 2).join(' and ')} exclude each other`, { hint: 'Leave one out.' });
  const own: ScenarioLoad | undefined = stages
    ? { stages: stages.map(({ durationMs, from, to }) => ({ duration: durationMs, from, rate: to })) }
    : rate !== undefined
      ? { rate }
      : users !== undefined
        ? { users }
        : undefined;
  const load = own ?? written.load;
  const duration =
    input.duration ?? (own ? written.duration : written.load?.stages ? undefined : written.duration);
  if (load?.stages && input.duration !== undefined)
    throw new UserError('--duration contradicts the stages, which say how long the run is', {
      hint: 'Leave it out, or give --rate or --users.',
    });
  const isOpen = load?.rate !== undefined || load?.stages?.[0]?.rate !== undefined;
  if (poisson && !isOpen)
    throw new UserError('--poisson is about a rate, and this load has none', {
      hint: 'Give --rate or --stages.',
    });
  const pick = <K extends 'warmup' | 'drain' | 'connections' | 'requestTimeout'>(key: K) =>
    input[key] ?? written[key];
  return {
    load: load && { ...load, ...(poisson && { arrivals: 'poisson' as const }) },
    duration: load?.stages ? undefined : duration,
    warmup: pick('warmup'),
    drain: pick('drain'),
    connections: pick('connections'),
    requestTimeout: pick('requestTimeout'),
  };
}

function positive(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text) || Number(text) === 0)
    throw new UserError(`'${text}' is not a rate`, { hint: 'Give requests a second, like 500 or 0.4.' });
  return Number(text);
}

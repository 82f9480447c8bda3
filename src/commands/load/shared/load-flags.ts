import { UserError } from '../../../lib/core/errors.js';
import type { LoadSettings } from '../../../lib/load/scenario/load-settings.js';
import { overlayLoad as overlay } from '../../../lib/load/scenario/overlay.js';
import { defaults } from '../../../lib/load/scenario/schema.js';
import { parseStages } from '../../../lib/load/stages.js';
import { flag, flagName, type FlagValues } from '../../../runtime/flags.js';

/** How much load, and how long. They win over what a scenario says. */
export const loadFlags = {
  rate: flag.parsed('N', positive, {
    help: 'requests a second, or tasks of a scenario, due at fixed times whatever the answers are (an open loop)',
  }),
  stages: flag.parsed('DURATION:RATE,…', parseStages, {
    help: 'an open loop whose rate goes in straight lines: 30s:100,1m:500',
  }),
  users: flag.count({ help: 'a closed loop with this number of users, each with one task after the other' }),
  connections: flag.count({
    help: 'maximum open connections; without rate, stages and users, the connections of a closed loop',
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

/** @throws UserError when flags contradict each other, or what they do not replace */
export function overlayLoad(written: LoadSettings, input: FlagValues<typeof loadFlags>): LoadSettings {
  return overlay(written, input, flagName);
}

function positive(text: string): number {
  if (!/^\d+(\.\d+)?$/.test(text) || Number(text) === 0)
    throw new UserError(`'${text}' is not a rate`, { hint: 'Give requests a second, like 500 or 0.4.' });
  return Number(text);
}

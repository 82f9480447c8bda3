import { pause as pauseRollout } from '../../lib/rollout/canary/stop.js';
import { holdFlags, routeFlags } from '../shared/rollout/flags.js';
import { openRoute } from '../shared/rollout/open.js';
import { rolloutVerb } from '../shared/rollout/verb.js';

export const pause = rolloutVerb({
  name: 'canary pause',
  summary: 'keep the weights as they are until resume or promote',
  synonyms: ['hold', 'suspend', 'freeze', 'wait'],
  flags: { ...routeFlags, ...holdFlags },
  examples: [{ does: 'hold where it is', command: 'metrify canary pause web' }],
  open: (input, context) => openRoute(input, context, 'canary'),
  work: (_, session) => pauseRollout(session),
});

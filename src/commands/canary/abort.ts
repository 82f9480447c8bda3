import { abort as abortRollout } from '../../lib/rollout/canary/stop.js';
import { holdFlags, routeFlags } from '../shared/rollout/flags.js';
import { openRoute } from '../shared/rollout/open.js';
import { rolloutVerb } from '../shared/rollout/verb.js';

export const abort = rolloutVerb({
  name: 'canary abort',
  summary: 'return all traffic to stable; harmless when nothing runs',
  synonyms: ['stop', 'rollback', 'undo', 'cancel', 'revert', 'end', 'kill', 'halt', 'back'],
  description: 'Needs only the route: the versions are known from what stands on it.',
  flags: { ...routeFlags, ...holdFlags },
  examples: [
    { does: 'end the rollout', command: 'metrify canary abort web' },
    {
      does: 'without any file',
      command: 'metrify canary abort web --provider istio --route web -n metering',
    },
    { does: 'although somebody else is at work on it', command: 'metrify canary abort web --take-over' },
  ],
  isHarmless: true,
  open: (input, context) => openRoute(input, context, 'canary'),
  work: (_, session) => abortRollout(session),
});

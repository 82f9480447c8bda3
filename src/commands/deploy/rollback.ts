import { rollback as rollBack } from '../../lib/rollout/blue-green/switch.js';
import { holdFlags, routeFlags } from '../shared/rollout/flags.js';
import { openRoute } from '../shared/rollout/open.js';
import { rolloutVerb } from '../shared/rollout/verb.js';

export const rollback = rolloutVerb({
  name: 'deploy rollback',
  summary: 'return all traffic to the colour that was live before',
  synonyms: ['stop', 'undo', 'abort', 'cancel', 'revert', 'end', 'kill', 'halt', 'back'],
  description:
    'Needs only the route. A colour that was scaled down gets its replicas back first, and traffic only when they are ready.',
  flags: { ...routeFlags, ...holdFlags },
  examples: [{ does: 'take the last switch back', command: 'metrify deploy rollback web' }],
  open: (input, context) => openRoute(input, context, 'blue-green'),
  work: ({ spec }, session) => rollBack({ spec, session }),
});

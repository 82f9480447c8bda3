import { statusVerb } from '../shared/rollout/status-verb.js';

export const status = statusVerb({
  name: 'canary status',
  form: 'canary',
  summary: 'where the traffic goes, the step, and the last verdict',
  synonyms: ['ls', 'list', 'show', 'get', 'info', 'describe'],
  examples: [
    { does: 'see how it stands', command: 'metrify canary status web' },
    { does: 'for a script', command: 'metrify canary status web --json' },
  ],
});

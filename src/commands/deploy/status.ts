import { statusVerb } from '../shared/rollout/status-verb.js';

export const status = statusVerb({
  name: 'deploy status',
  form: 'blue-green',
  summary: 'which colour is live, and how the last switch went',
  synonyms: ['ls', 'list', 'show', 'get', 'info', 'describe'],
  examples: [
    { does: 'see how it stands', command: 'metrify deploy status web' },
    { does: 'for a script', command: 'metrify deploy status web --json' },
  ],
});

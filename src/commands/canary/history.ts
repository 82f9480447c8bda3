import { historyVerb } from '../shared/rollout/status-verb.js';

export const history = historyVerb({
  name: 'canary history',
  form: 'canary',
  summary: 'who changed what, when, and on which verdict',
  synonyms: ['log', 'logs'],
  examples: [{ does: 'the last changes', command: 'metrify canary history web' }],
});

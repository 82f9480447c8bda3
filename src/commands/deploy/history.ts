import { historyVerb } from '../shared/rollout/status-verb.js';

export const history = historyVerb({
  name: 'deploy history',
  form: 'blue-green',
  summary: 'who changed what, when, and what came of it',
  synonyms: ['log', 'logs'],
  examples: [{ does: 'the last changes', command: 'metrify deploy history web' }],
});

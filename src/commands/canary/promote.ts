import { openRun } from '../../lib/rollout/canary/run.js';
import { promote as promoteRollout } from '../../lib/rollout/canary/promote.js';
import { flag } from '../../runtime/flags.js';
import { planFlags, waitFlags } from '../shared/rollout/flags.js';
import { openPlan } from '../shared/rollout/open.js';
import { rolloutVerb } from '../shared/rollout/verb.js';
import { goOn } from '../shared/rollout/wait.js';

export const promote = rolloutVerb({
  name: 'canary promote',
  summary: 'continue to the next step now, or to the end with --full',
  synonyms: ['advance', 'next', 'skip', 'finish'],
  description: 'Your word stands for the analysis; the replicas of the canary must be ready all the same.',
  flags: { ...planFlags, ...waitFlags, full: flag.boolean('give the canary all traffic at once') },
  examples: [
    { does: 'skip the current wait', command: 'metrify canary promote web' },
    { does: 'to the end', command: 'metrify canary promote web --full' },
  ],
  open: openPlan,
  async work(plan, session, input, context) {
    const run = openRun(plan, session);
    return goOn(run, await promoteRollout(run, input.full), input, context);
  },
});
